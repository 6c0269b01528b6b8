// Made from docs/reference/openapi.json by `npm run generate:api`. Do not edit.
/* eslint-disable */
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers; a browser gets the page of the UI. */
        get: operations["v1_live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every account, by name. */
        get: operations["list_accounts"];
        put?: never;
        /** Makes an account. The first one ends that names alone are believed. */
        post: operations["create_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Changes groups, administration, or whether an account is disabled. */
        post: operations["change_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts/{account}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sets a password. Sessions that began with the one before end. */
        post: operations["set_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alerts, newest first. */
        get: operations["list_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/acknowledge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Someone looks at an alert. */
        post: operations["acknowledge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/mute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keeps an alert silent until a moment. */
        post: operations["mute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Calls an alert over; the next breach opens a new one. */
        post: operations["resolve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/unmute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a mute before its time. */
        post: operations["unmute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Entries of the audit log, newest first. */
        get: operations["list_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/bodies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is hashed of entries of the audit log, oldest first: with it, whoever does not trust this server verifies the log. */
        get: operations["list_audit_bodies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/checkpoint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest signed checkpoint, the keys that sign, and the places to which it is published. */
        get: operations["get_checkpoint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/consistency": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The proof that the log of one size begins with that of a smaller one. */
        get: operations["get_consistency"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads the whole audit log and compares it with itself, with every state, and with its checkpoints. */
        get: operations["check_audit"];
        put?: never;
        /** The same, and compares it with checkpoints that were kept elsewhere. */
        post: operations["check_audit_against"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/{entry}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One entry with everything that is hashed of it. */
        get: operations["get_audit_entry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/{entry}/erase-reason": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Erases the reason of an entry, which may name a person. The log still verifies. */
        post: operations["erase_reason"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/{entry}/receipt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The receipt of an entry: the entry, the proof that the log has it, and a signed checkpoint. */
        get: operations["get_audit_receipt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What changes, as server-sent events: `change` (an `ObjectChange`) for each kind of object of which something did. With `Last-Event-ID` the
         *     stream goes on behind that entry. It ends after ten minutes; who still wants to follow asks again.
         */
        get: operations["follow_changes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deployments, newest first. */
        get: operations["list_deployments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One endpoint and what serves there. */
        get: operations["get_endpoint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/break-glass": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Versions that were let answer at an endpoint without their approval, newest first. */
        get: operations["list_break_glass"];
        put?: never;
        /** Lets a version answer at once without its approval, in an emergency. It must be reviewed within 72 hours. */
        post: operations["deploy_break_glass"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/break-glass/{id}/review": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says whether a version had to answer without its approval. If not, it is taken away. */
        post: operations["review_break_glass"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/columns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the versions of an endpoint were asked and answered, by column, beside the reference of each. Rows are counted by
         *     the hour in which they came; hours that lie partly in the span count whole.
         */
        get: operations["get_column_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/comparison": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A candidate beside the live version: how the entities fell, the difference of each metric with an interval that holds at all times
         *     at once, and what the experiment of the contract says. The same rows give the same numbers at any later time.
         */
        get: operations["get_comparison"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/deploy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a version serve at an endpoint, by the stages of the contract: shadow, canary, live. */
        post: operations["deploy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/experiment/decision": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends an experiment: the new version goes live, or is taken back. The numbers of that moment are in its entry. */
        post: operations["decide_experiment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/exposures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Which entity met which version first while two versions shared the traffic. */
        get: operations["list_exposures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/labels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keeps labels, at most 100,000 in a request. Late, corrected and unknown ids are all taken, and a time that is still to come
         *     by more than five minutes is refused with all of the request; what was answered survives any end of the process.
         */
        post: operations["send_labels"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/predictions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Records past predictions with their own times, at most 100,000 in a request. Ids that are recorded already are left as they are, and rows
         *     that cannot be recorded are told one by one; what was imported survives any end of the process.
         */
        post: operations["import_predictions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/predictions/imports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Names a file of past predictions: it gets its entry in the audit log, once, and its rows may be sent. */
        post: operations["begin_import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/readings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Readings of an endpoint, newest first. A window is read again while labels come, so it may stand here several times. */
        get: operations["list_readings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/readings/latest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest reading of every rule (and of every other metric) of an endpoint, by kind and metric. */
        get: operations["list_latest_readings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keeps what a replica recorded, in the order of its log. What was answered survives any end of the process; the same again changes
         *     nothing.
         */
        post: operations["keep_records"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{endpoint}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes back what is on its way at an endpoint, or goes back to what answered before. Waits for no approval. */
        post: operations["roll_back"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deliveries of events, newest first. */
        get: operations["list_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends events again that were delivered or given up. */
        post: operations["replay_events"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/gc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Finds what nothing needs any more or is past its retention, and removes it if that is asked for. */
        post: operations["collect_garbage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/mlflow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Brings things that another tracking server has: all of them, or none. The same again changes nothing. */
        post: operations["import_mlflow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/mlflow/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Records in the audit log that an import came to its end, with its counts. */
        post: operations["finish_mlflow_import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inbox": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What waits for people, what is due first at the top. */
        get: operations["get_inbox"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inventory": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every model with its risk tier, owner, dates and findings. */
        get: operations["get_inventory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The public keys, newest first. */
        get: operations["list_keys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes a new key of this server, which signs from now on. What the old one signed stays believed. */
        post: operations["rotate_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One public key, by its id or how it begins. */
        get: operations["get_key"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revokes a key: nothing that it signed is believed any more. */
        post: operations["revoke_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a person in by name and password. */
        post: operations["log_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login/options": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How people sign in here. */
        get: operations["login_options"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login/provider": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begins a login by the OpenID provider: where the person goes. */
        post: operations["begin_provider_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login/provider/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a login by the OpenID provider: the code against a session. */
        post: operations["finish_provider_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every model with its versions, newest first. */
        get: operations["list_models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/objectives": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The objectives of a model with what they came to. */
        get: operations["list_objectives"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/objectives/measure": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Measures the objectives of a model now, whether or not they are due. */
        post: operations["measure_objectives"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/packages/{digest}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The files and the signatures of a package, by the digest of the package. */
        get: operations["get_package_files"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/packages/{digest}/files/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A file of a package, by its digest. `Range: bytes=N-` answers what comes behind the first N bytes. */
        get: operations["get_package_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/proposals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Contracts that ask for less than the one in force, newest first. */
        get: operations["list_proposals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/proposals/{id}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a proposed contract come into force. */
        post: operations["accept_proposal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/proposals/{id}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refuses a proposed contract; a reason must be given. */
        post: operations["reject_proposal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One version with what each gate said. */
        get: operations["get_version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says yes to a validated version. It is approved once everyone whom the contract asks has said so. */
        post: operations["approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/card": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Writes parts of the card of a version. */
        post: operations["write_card"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/documents/{kind}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A document about a version: `card`, `annex-iv` or `sr-26-2`. */
        get: operations["get_document"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says no to a version. It is final; a reason must be given. */
        post: operations["reject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/retire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a version out of use for good. Where it is live, a replacement must be named. */
        post: operations["retire"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/return": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a validated version back to candidate; a reason must be given. */
        post: operations["return_version"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/review": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Measures a version again, in the name of someone who did not make it. */
        post: operations["review"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Forbids a version for good: wherever it serves, what was approved before it answers again, or nothing does. A reason must
         *     be given.
         */
        post: operations["revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/sign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs the package of a version again, with the key of this server. */
        post: operations["sign_package"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/versions/{version}/submit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Submits a draft to its gates, or has a candidate judged again by the verdicts that stand. */
        post: operations["submit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/waivers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Waivers of a model, newest first. */
        get: operations["list_waivers"];
        put?: never;
        /** Lets versions of a model miss one rule of one gate until a time. */
        post: operations["grant_waiver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model}/waivers/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a waiver before its time; what relies on it lapses. */
        post: operations["revoke_waiver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The OpenAPI 3.1 document of every address. */
        get: operations["document"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/predictions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One prediction, and everything that it rests on. */
        get: operations["get_prediction"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Runs, newest first. */
        get: operations["list_runs"];
        put?: never;
        /** Asks for a run of a project. It goes on without whoever asked; its events tell how far it is. */
        post: operations["start_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One run with its steps, its metrics, the version that it made and what each gate said. */
        get: operations["get_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Asks a run to stop. Its steps are ended, and it is `cancelled` once they are. */
        post: operations["cancel_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happened in a run after a number. Waits up to ten seconds for the next event; a run that ended, or of an earlier
         *     process, has none any more.
         */
        get: operations["get_run_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{id}/steps/{step}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The log of a step, of the execution that made its result. */
        get: operations["get_step_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/serving-plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What answers at the endpoints that the caller may follow: a signed statement, and one of the approval of each version. With `If-None-Match`
         *     the answer is 304 if nothing changed, after waiting for `wait` seconds.
         */
        get: operations["get_serving_plan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begins a session of a browser: sets its cookie. */
        post: operations["begin_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the session of the browser that asks, and takes its cookie away. */
        post: operations["end_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What there is and how it stands. */
        get: operations["get_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status/as-of": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What served at a moment: versions, shares, who approved them on what evidence, and from which data, code and run they are. */
        get: operations["get_as_of"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tokens that the caller may see, newest first. */
        get: operations["list_tokens"];
        put?: never;
        /** Makes a token. The answer has its text, which is not stored. */
        post: operations["create_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revokes a token for good. */
        post: operations["revoke_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tracked-runs/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Searches runs of clients and of the platform: parameters, metrics, tags and datasets are in the filter language of searches. */
        post: operations["search_tracked_runs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tracked-runs/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** One metric of up to twenty runs, each as columns of at most so many points; no extreme value is lost. */
        post: operations["metric_series"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tracked-runs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One run with what it logged. */
        get: operations["get_tracked_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tracked-runs/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What changes in a run, as server-sent events: `change` (a `TrackedRunChange`) each time something did, then `end` when the run is over.
         *     The stream ends after ten minutes; who still wants to follow it asks again.
         */
        get: operations["follow_tracked_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who asks, and whether that is proven. */
        get: operations["who_am_i"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/endpoints/{endpoint}/invocations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Predictions of rows. */
        post: operations["endpoint_invocations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/endpoints/{endpoint}/ping": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether an endpoint takes rows. */
        get: operations["ping_endpoint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers: as JSON, and `OK` for whoever asks for plain text, as clients of MLflow know it. */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/invocations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Predictions of rows, by the endpoint that is named or the only one there is. */
        post: operations["invocations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was counted since each version was loaded, and what stands open. */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ping": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the server takes rows. */
        get: operations["ping"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests may be sent here. */
        get: operations["get_readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The names of the endpoints that answer. */
        get: operations["v1_models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether an endpoint answers. */
        get: operations["v1_model"];
        put?: never;
        /** Predictions of the instances of a body, and with `:explain` why they are so. */
        post: operations["v1_predict"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["server"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The counts of every version that is loaded. */
        get: operations["all_statistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["model"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["model_config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/infer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["infer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["model_ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The counts of the versions of one endpoint. */
        get: operations["model_statistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["version_config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}/infer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["infer_version"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["version_ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The counts of one version of an endpoint. */
        get: operations["version_statistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/repository/index": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Every endpoint and the versions that are loaded there. */
        post: operations["repository_index"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/repository/models/{model}/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Loads what is live at an endpoint, where it could not be loaded before. */
        post: operations["load_model"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/repository/models/{model}/unload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refuses: deployments decide what answers. */
        post: operations["unload_model"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Someone who may come in. */
        Account: {
            /** @description `user:NAME` or `svc:NAME`. */
            actor: string;
            /** @description Whether it administers the platform. */
            admin: boolean;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created: string;
            /**
             * Format: date-time
             * @description When it was disabled.
             */
            disabled?: string | null;
            /** @description The groups that it is a member of. */
            groups: string[];
            /** @description The OpenID provider that proves who it is. */
            issuer?: string | null;
            /** @description The person who answers for a service. */
            owner?: string | null;
        };
        /** @description Every account. */
        Accounts: {
            /** @description By name. */
            accounts: components["schemas"]["Account"][];
        };
        /** @description A reading that stayed out of bounds. */
        Alert: {
            /** @description What is known about it: window, columns, root cause. */
            detail: components["schemas"]["AlertDetail"];
            /** @description The endpoint that it is about. */
            endpoint: string;
            /**
             * Format: date-time
             * @description When enough windows had failed; absent while it is pending, and if it was resolved before.
             */
            fired?: string | null;
            /** @description The id, unique on this platform; the routes of one alert take it. */
            id: string;
            /**
             * @description What makes alerts about the same thing one: `churn/drift`, `tickets/unknown_class:macOS`. One key has at most one
             *     alert that is not resolved.
             * @example churn/drift
             */
            key: string;
            /** @description What it is about. */
            kind: components["schemas"]["AlertKind"];
            /** @description The kind of its monitor. */
            monitor: components["schemas"]["MonitorKind"];
            /**
             * Format: date-time
             * @description When its rule failed first.
             */
            opened: string;
            /**
             * Format: date-time
             * @description When it was over; absent while it is open.
             */
            resolved?: string | null;
            /** @description Where it is in its life. */
            state: components["schemas"]["AlertState"];
            /** @description What of its kind: the class of an unknown class. */
            subject?: string | null;
        };
        /** @description What is known about an alert. */
        AlertDetail: {
            /** @description The columns, slices or groups that breach. */
            columns: string[];
            /** @description Why, in one line; absent if nothing can be said. */
            explanation?: string | null;
            /** @description What it has notified of so far. */
            notified: components["schemas"]["Breach"][];
            root_cause?: components["schemas"]["RootCause"] | null;
            /**
             * Format: date-time
             * @description The start of the window that opened it.
             */
            since: string;
            /** @description What breaches, in one line. */
            text: string;
            /**
             * Format: date-time
             * @description Its end, which is no part of it.
             */
            window_end: string;
            /**
             * Format: date-time
             * @description The start of the newest window that breached.
             */
            window_start: string;
        };
        /**
         * @description The kind of an alert.
         * @enum {string}
         */
        AlertKind: "data" | "drift" | "performance" | "estimated_performance" | "bias" | "usage" | "missing_labels" | "unknown_class" | "unknown_labels" | "promotion" | "break_glass" | "sample_ratio" | "objective";
        /**
         * @description Where an alert is in its life.
         * @enum {string}
         */
        AlertState: "pending" | "firing" | "acknowledged" | "muted" | "resolved";
        /** @description What a yes to a version came to. */
        Approval: {
            /** @description What became of the newest approved version at each place that the contract deploys to by itself. */
            deployed?: components["schemas"]["DeployedVersion"][];
            /** @description What the contract still asks for; empty when the version is approved. */
            missing: string[];
            /** @description The version, in the state that it has now. */
            version: components["schemas"]["Version"];
        };
        /** @description Approves a version (`POST /api/v1/models/{model}/versions/{version}/approve`). */
        Approve: {
            /**
             * Format: int32
             * @description The share of the traffic that the version may answer at most, 1 to 99 percent; absent: all of it.
             */
            max_traffic_percent?: number | null;
            /** @description Why, for the audit log. */
            reason?: string | null;
            role?: components["schemas"]["ApproverRole"] | null;
            /**
             * Format: date-time
             * @description When the approval ends by itself; absent: when the contract says.
             */
            until?: string | null;
        };
        /**
         * @description The role in which someone approves.
         * @enum {string}
         */
        ApproverRole: "validator" | "owner";
        /** @description What served at a moment, and what it rests on, as the audit log has it. */
        AsOf: {
            /**
             * Format: date-time
             * @description The moment.
             */
            at: string;
            /** @description Every endpoint that there was, by name. */
            endpoints: components["schemas"]["EndpointAsOf"][];
        };
        /** @description Asks for one metric of runs as lines of a chart (`POST /api/v1/tracked-runs/series`). */
        AskSeries: {
            /**
             * Format: int64
             * @description The first step; absent: from the beginning.
             */
            first?: number | null;
            /** @description The ids of 1 to 20 runs. */
            ids: string[];
            /**
             * Format: int64
             * @description The last step; absent: to the end.
             */
            last?: number | null;
            /** @description The name of the metric. */
            metric: string;
            /**
             * Format: int32
             * @description Points of a run at most, 4 to 10000. Default: 2000.
             */
            points?: number | null;
        };
        /** @description What is hashed of some entries, oldest first, for whoever verifies the log elsewhere: in a browser, say. */
        AuditBodies: {
            /** @description The entries, without gaps. */
            items: components["schemas"]["AuditBody"][];
            /**
             * Format: int64
             * @description Where the next ones begin; absent behind the last one.
             */
            next?: number | null;
        };
        /** @description What is hashed of an entry. */
        AuditBody: {
            /** @description The canonical JSON; its leaf in the tree is SHA-256(0x00 ‖ body). */
            body: string;
            /**
             * Format: int64
             * @description The number of the entry.
             */
            seq: number;
        };
        /** @description What a check of the whole audit table found (`GET /api/v1/audit/verify`). */
        AuditCheck: {
            /**
             * Format: int64
             * @description Signed checkpoints that the log goes on from.
             */
            checkpoints?: number;
            /**
             * Format: int64
             * @description Entries that were checked: all of the table.
             */
            entries: number;
            /** @description One sentence per error. */
            errors: string[];
            /**
             * Format: int64
             * @description Rows whose entry was written by an earlier program and says nothing of their columns: of them the state is compared.
             */
            unsealed_rows?: number;
            /** @description Whether nothing is wrong with it. */
            valid: boolean;
        };
        /** @description One entry of the audit table. */
        AuditEntry: {
            /** @description What was done: `version.approve`. */
            action: string;
            /** @description Who did it: `user:ana`, `svc:ci`, `system:monitor`. */
            actor: string;
            /** @description The state after; absent if no state changed. */
            after?: string | null;
            /**
             * Format: date-time
             * @description When it was done, by the clock of the process that wrote the entry.
             */
            at: string;
            /** @description The state before; absent if the object begins to exist. */
            before?: string | null;
            /** @description What it was done to: `version:churn/3`. */
            object: string;
            /** @description What came of it. */
            outcome: components["schemas"]["AuditOutcome"];
            /** @description Why, as the actor stated it; absent if none was stated, or if it was erased. */
            reason?: string | null;
            /**
             * Format: int64
             * @description The number of the entry: 1, 2, 3, … without gaps.
             */
            seq: number;
        };
        /** @description The newest checkpoint, the keys that sign, and the places to which it is published (`GET /api/v1/audit/checkpoint`). */
        AuditHead: {
            checkpoint?: components["schemas"]["Checkpoint"] | null;
            /** @description The verifier keys of the platform (C2SP signed-note), newest first. */
            keys: string[];
            /** @description How far each place is. */
            places: components["schemas"]["CheckpointPlace"][];
        };
        /**
         * @description What came of an act.
         * @enum {string}
         */
        AuditOutcome: "done" | "denied" | "failed";
        /** @description An entry with the proof that the log has it, for verification anywhere (`GET /api/v1/audit/{entry}/receipt`). */
        AuditReceipt: {
            /** @description The canonical JSON of the entry, byte for byte as it was hashed. */
            entry: string;
            /** @description `kilter-receipt/1`. */
            format: string;
            /** @description The proof and the signed checkpoint (C2SP tlog-proof). */
            proof: string;
            reason?: components["schemas"]["ReceiptReason"] | null;
        };
        /** @description One entry with everything that is hashed of it (`GET /api/v1/audit/{entry}`). */
        AuditRecord: {
            /** @description The canonical JSON that is hashed. */
            body: string;
            /** @description What a list has of it. */
            entry: components["schemas"]["AuditEntry"];
            /** @description Digests and ids of what it rests on. */
            evidence?: string[];
            /** @description Whether a reason was stated and erased later. */
            is_reason_erased: boolean;
            /** @description SHA-256(0x00 ‖ body), in hex. */
            leaf: string;
            /** @description The digest of the bytes that the object stands for. */
            object_digest?: string | null;
            /** @description For whom, where a service acted for a person. */
            on_behalf?: string | null;
        };
        /** @description Begins a login by the OpenID provider (`POST /api/v1/login/provider`). */
        BeginProviderLogin: {
            /**
             * @description Where the provider sends the browser back to: a program on the machine of the person, `http://127.0.0.1:PORT/…`, or the page
             *     `/sign-in` of this server.
             */
            redirect_uri: string;
        };
        /** @description A rule that breached, or one part of it. */
        Breach: {
            /** @description The column, slice or group, if the rule has parts. */
            part?: string | null;
            /** @description The rule as the contract writes it: `auc >= 0.8`. */
            rule: string;
        };
        /** @description A version that was let answer without its approval. */
        BreakGlass: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who did it. */
            by: string;
            /**
             * Format: date-time
             * @description Until when it must be reviewed.
             */
            due: string;
            /** @description The name of the endpoint. */
            endpoint: string;
            /** @description The id, unique on this platform. */
            id: string;
            /** @description The name of the model. */
            model: string;
            /** @description Why. */
            reason: string;
            /** @description Who reviewed it. */
            reviewed_by?: string | null;
            /** @description Where it is in its life. */
            state: components["schemas"]["BreakGlassState"];
            /**
             * Format: int32
             * @description The number of the version.
             */
            version: number;
        };
        /** @description Lets a version answer at once without its approval (`POST /api/v1/endpoints/{endpoint}/break-glass`). */
        BreakGlassDeploy: {
            /** @description Why. */
            reason: string;
            /**
             * Format: int32
             * @description The number of the version.
             */
            version: number;
        };
        /** @description Reviews a break-glass (`POST /api/v1/endpoints/{endpoint}/break-glass/{id}/review`). */
        BreakGlassReview: {
            /** @description Whether it had to be. */
            justified: boolean;
            /** @description Why. */
            reason: string;
        };
        /**
         * @description Where a break-glass is in its life.
         * @enum {string}
         */
        BreakGlassState: "open" | "justified" | "unjustified";
        /** @description A session of a browser. What proves it is a cookie that no script can read. */
        BrowserSession: {
            /** @description Who it is. */
            actor: string;
            /** @description What requests that act carry beside the cookie, as `x-kilter-csrf`. */
            csrf: string;
            /**
             * Format: date-time
             * @description When it ends; absent: with the token that was shown.
             */
            expires?: string | null;
        };
        /** @description Writes parts of the card of a version (`POST /api/v1/models/{model}/versions/{version}/card`). */
        CardParts: {
            /** @description The text of each part: `limitations`, `ethics`, `oversight`, `data`, `notes`. Parts that are not named stay as they are. */
            parts: {
                [key: string]: string;
            };
            /**
             * Format: int64
             * @description The revision of the card that was read and changed. A part that someone else wrote since is not overwritten: the answer
             *     is 409. Absent: none was read.
             */
            revision?: number | null;
        };
        /** @description What is wanted of an account otherwise (`POST /api/v1/accounts/{account}`); what is absent stays. */
        ChangeAccount: {
            /** @description Whether it administers the platform. */
            admin?: boolean | null;
            /** @description Whether it is kept out; its tokens do nothing meanwhile. */
            disabled?: boolean | null;
            /** @description All groups that it is a member of. */
            groups?: string[] | null;
        };
        /** @description A new password (`POST /api/v1/accounts/{account}/password`). */
        ChangePassword: {
            current?: components["schemas"]["Secret"] | null;
            /** @description The new one, 12 characters at least. */
            password: components["schemas"]["Secret"];
        };
        /** @description A column that changed. */
        ChangedColumn: {
            /** @description The name of the column. */
            column: string;
            /**
             * Format: date-time
             * @description Since when it differs from the reference.
             */
            since: string;
        };
        /** @description One thing that must hold, and whether it does. */
        Check: {
            /** @description What was found, and what to do when it is not right. */
            detail: string;
            /**
             * @description What was looked at.
             * @example data folder
             */
            name: string;
            /** @description Whether it is as it should be. */
            ok: boolean;
        };
        /** @description A signed checkpoint of the audit log. */
        Checkpoint: {
            /**
             * Format: date-time
             * @description When it was signed.
             */
            at: string;
            /** @description The signed note (C2SP tlog-checkpoint). */
            note: string;
            /**
             * Format: int64
             * @description How many entries it covers.
             */
            size: number;
        };
        /** @description How far a place is to which checkpoints are published. */
        CheckpointPlace: {
            /**
             * Format: date-time
             * @description When that was written.
             */
            at?: string | null;
            /** @description Why it fails. */
            error?: string | null;
            /**
             * Format: date-time
             * @description Since when it fails.
             */
            failing_since?: string | null;
            /** @description Whether it has the newest checkpoint. */
            is_current: boolean;
            /** @description Its name, without secrets. */
            place: string;
            /**
             * Format: int64
             * @description How many entries the newest checkpoint there covers.
             */
            size?: number | null;
        };
        /** @description What `POST /api/v1/gc` is asked. */
        CollectGarbage: {
            /**
             * Format: int64
             * @description The most bytes that the results of steps of one project may have; absent: any number.
             */
            cache_bytes?: number | null;
            /** @description Whether it is removed; if not, it is only found. */
            delete?: boolean;
            /** @description For how long runs, logged models and experiments stay that clients deleted, and can restore: `30d`. */
            deleted?: string | null;
            /** @description For how long results of steps, logs of runs and packages of rejected versions stay that nobody uses, a day at least: `90d`. */
            unused?: string | null;
        };
        /**
         * @description What the values of a column are.
         * @enum {string}
         */
        ColumnDataType: "numeric" | "categorical";
        /** @description A distance from the reference. */
        ColumnDistance: {
            /**
             * Format: double
             * @description What is left of it beyond chance.
             */
            effect: number;
            /**
             * Format: double
             * @description What chance alone makes of it with so many rows.
             */
            expected: number;
            /** @description The name of the measure: `psi`, `w1_over_sd`, `ks` or `tvd`. */
            measure: string;
            /**
             * Format: double
             * @description The distance; 0 if both are alike.
             */
            value: number;
        };
        /** @description What one column contributes. */
        ColumnEffect: {
            /** @description The name of the column. */
            column: string;
            /**
             * Format: double
             * @description The upper end of the 95 % interval; `null` if it is open.
             */
            high?: number | null;
            /**
             * Format: double
             * @description The lower end of the 95 % interval; `null` if it is open.
             */
            low?: number | null;
            /**
             * Format: double
             * @description Its part, in units of the loss or of the raw score.
             */
            value?: number | null;
        };
        /**
         * @description What a column is to a model.
         * @enum {string}
         */
        ColumnKind: "feature" | "score" | "prediction";
        /** @description What an endpoint was asked and answered in a span of hours, beside the references of its versions. */
        ColumnStats: {
            /** @description The name of the endpoint. */
            endpoint: string;
            /**
             * Format: int64
             * @description Rows that the process could not keep, because nothing could be written for days.
             */
            lost_rows: number;
            /**
             * Format: date-time
             * @description The start of the span that was asked for; the hour that it is in counts as a whole.
             */
            since: string;
            /**
             * Format: int64
             * @description Files of the span that could not be read: their rows are not counted here.
             */
            unreadable_files: number;
            /**
             * Format: date-time
             * @description The end of the span that was asked for; the hour that it is in counts as a whole.
             */
            until: string;
            /** @description Each version, its roles apart; empty when nothing was answered. */
            versions: components["schemas"]["VersionColumnStats"][];
        };
        /** @description What one column held. */
        ColumnSummary: {
            /**
             * Format: int64
             * @description Rows above the range of the reference; of numbers.
             */
            above?: number | null;
            /**
             * Format: int64
             * @description Rows below and above the range, and infinite ones.
             */
            below?: number | null;
            /** @description The name of the column. */
            column: string;
            /** @description What it was compared with: rows of which season, and what says how far windows are off by themselves. */
            compared?: string;
            /** @description What its values are. */
            data_type: components["schemas"]["ColumnDataType"];
            /** @description How far it is from its reference: `psi`, then `w1_over_sd` (numbers) or `tvd` (categories). */
            distances: components["schemas"]["ColumnDistance"][];
            /**
             * Format: int64
             * @description Rows with an infinite value; of numbers.
             */
            infinite?: number | null;
            /** @description What it is to the model. */
            kind: components["schemas"]["ColumnKind"];
            /** @description How far it drifted, by the last distance. */
            level: components["schemas"]["DriftLevel"];
            /**
             * Format: double
             * @description Share of rows without a value, here and in the reference.
             */
            missing_share: number;
            /**
             * Format: double
             * @description Share of rows with a value outside of the reference's range or infinite; of numbers.
             */
            out_of_range_share?: number | null;
            /**
             * Format: double
             * @description Share of the rows of the reference without a value, 0 to 1.
             */
            reference_missing_share: number;
            /**
             * Format: int64
             * @description Rows that the shares are of.
             */
            rows: number;
            /**
             * Format: double
             * @description Share of rows with a value that the reference never had; of categories.
             */
            unseen_share?: number | null;
            /** @description The first of these values. */
            unseen_values?: string[];
        };
        /**
         * @description What two versions are compared by.
         * @enum {string}
         */
        ComparedMetric: "loss" | "label" | "score" | "latency" | "error_rate";
        /** @description A candidate beside the live version, metric by metric. */
        Comparison: {
            /**
             * Format: int32
             * @description The number of the version that may replace it.
             */
            candidate: number;
            /**
             * Format: int32
             * @description The number of the version that was live.
             */
            champion: number;
            /** @description Whether the experiment lasts longer than its `max_duration`. */
            is_over?: boolean;
            /** @description Each metric. */
            metrics: components["schemas"]["MetricComparison"][];
            result?: components["schemas"]["ExperimentResult"] | null;
            sample_ratio?: components["schemas"]["SampleRatio"] | null;
            /**
             * Format: date-time
             * @description When the candidate was asked for.
             */
            since: string;
            /**
             * Format: date-time
             * @description Rows count until here.
             */
            until: string;
        };
        /** @description The proof that the log of `to` entries begins with that of `from` entries (RFC 6962). */
        ConsistencyProof: {
            /**
             * Format: int64
             * @description The smaller number of entries.
             */
            from: number;
            /** @description The signed checkpoint over the smaller number, if there is one. */
            from_checkpoint?: string | null;
            /** @description The root over the smaller number, in base64. */
            from_root: string;
            /** @description The hashes of the proof, in base64. */
            hashes: string[];
            /**
             * Format: int64
             * @description The larger one.
             */
            to: number;
            /** @description The signed checkpoint over the larger one, if there is one. */
            to_checkpoint?: string | null;
            /** @description The root over the larger one. */
            to_root: string;
        };
        /** @description Decides an experiment (`POST /api/v1/endpoints/{endpoint}/experiment/decision`). */
        DecideExperiment: {
            /** @description What becomes of the new version. */
            decision: components["schemas"]["ExperimentDecision"];
            /** @description Why, for the audit log. */
            reason?: string | null;
        };
        /** @description What a person decided about a version. */
        Decided: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who. */
            by: string;
            /**
             * Format: int64
             * @description The number of its entry in the audit log.
             */
            entry: number;
            /**
             * Format: date-time
             * @description When it ends by itself.
             */
            expires?: string | null;
            /** @description Whether it was a yes. */
            is_approval: boolean;
            /** @description In which role. */
            role: components["schemas"]["ApproverRole"];
        };
        /**
         * @description Whether deleted runs are found.
         * @enum {string}
         */
        Deleted: "without" | "only" | "with";
        /** @description One event on its way to one target. */
        Delivery: {
            /**
             * Format: date-time
             * @description When it is tried next, or when it ended.
             */
            at: string;
            /**
             * Format: int32
             * @description How often it was tried.
             */
            attempts: number;
            /** @description What the target answered last. */
            detail: string;
            /**
             * Format: int64
             * @description The number of the entry of the audit log that is sent.
             */
            seq: number;
            /** @description How it stands. */
            state: components["schemas"]["DeliveryState"];
            /** @description `webhook:NAME` or `mail:NAME`. */
            target: string;
        };
        /**
         * @description How the delivery of an event stands.
         * @enum {string}
         */
        DeliveryState: "pending" | "delivered" | "dead";
        /** @description Asks that a version serves at an endpoint (`POST /api/v1/endpoints/{endpoint}/deploy`). */
        Deploy: {
            /** @description Why, for the audit table. */
            reason?: string | null;
            /**
             * Format: int32
             * @description The number of the version.
             */
            version: number;
        };
        /** @description What became of a version at a place that the contract deploys to by itself. */
        DeployedVersion: {
            /**
             * Format: int32
             * @description The share of the requests that it answers, in percent; only in canary.
             */
            canary_percent?: number | null;
            /** @description The name of the endpoint. */
            endpoint: string;
            /** @description Why it was not deployed. */
            refused?: string | null;
            state?: components["schemas"]["DeploymentState"] | null;
            /**
             * Format: int32
             * @description The number of the version.
             */
            version: number;
        };
        /** @description A version at an endpoint. */
        Deployment: {
            /**
             * Format: int32
             * @description The share of the requests that it answers, in percent; only in canary.
             */
            canary_percent?: number | null;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created: string;
            /** @description The name of the endpoint. */
            endpoint: string;
            /** @description The id, unique on this platform. */
            id: string;
            /**
             * Format: date-time
             * @description When it became live; absent if it never was.
             */
            live_since?: string | null;
            /**
             * Format: date-time
             * @description When it stopped to be live; absent while it is, and if it never was.
             */
            live_until?: string | null;
            /** @description The name of the model. */
            model: string;
            /** @description Its stage. */
            state: components["schemas"]["DeploymentState"];
            /**
             * Format: int32
             * @description The number of the version.
             */
            version: number;
        };
        /**
         * @description The stage of a version at an endpoint.
         * @enum {string}
         */
        DeploymentState: "requested" | "shadow" | "canary" | "live" | "superseded" | "rolled_back" | "stopped";
        /** @description A document about a version, filled from records. */
        Document: {
            /** @description YAML in front of a model card; empty: none. */
            front_matter?: string;
            /** @description What no record says, section by section. */
            gaps: string[];
            /**
             * Format: int64
             * @description The revision of the card whose parts it has; absent: nobody wrote one.
             */
            revision?: number | null;
            /** @description Its sections, in order. */
            sections: components["schemas"]["DocumentSection"][];
            /** @description What it is about. */
            title: string;
        };
        /** @description A part of a section of a document. */
        DocumentBlock: {
            /** @enum {string} */
            kind: "text";
            /** @description Its text. */
            text: string;
        } | {
            /** @description The headings. */
            headings: string[];
            /** @enum {string} */
            kind: "table";
            /** @description As many cells a row as there are headings. */
            rows: string[][];
        } | {
            /** @enum {string} */
            kind: "gap";
            /** @description What is missing. */
            text: string;
        } | {
            /** @enum {string} */
            kind: "human";
            /** @description The name of the part. */
            part: string;
            /** @description Its text; absent: nobody has written it. */
            text?: string | null;
        };
        /** @description A section of a document. */
        DocumentSection: {
            /** @description What it says. */
            blocks: components["schemas"]["DocumentBlock"][];
            /** @description Its heading. */
            heading: string;
        };
        /**
         * @description How far a column drifted, in the words of `kilter drift`.
         * @enum {string}
         */
        DriftLevel: "calm" | "not_compared" | "too_few" | "note" | "warn" | "alert";
        /** @description A value with its 95 % interval. */
        Effect: {
            /**
             * Format: double
             * @description The upper end of the interval; `null` if it is open.
             */
            high?: number | null;
            /**
             * Format: double
             * @description The lower end of the interval; `null` if it is open.
             */
            low?: number | null;
            /**
             * Format: double
             * @description In units of the loss or of the raw score.
             */
            value?: number | null;
        };
        /** @description An endpoint at a moment. */
        EndpointAsOf: {
            /** @description Its name. */
            name: string;
            /** @description The name of its project. */
            project: string;
            /** @description What served there, the live version first; empty where nothing did. */
            serving: components["schemas"]["ServingVersion"][];
        };
        /** @description How an endpoint stands. */
        EndpointStatus: {
            candidate?: components["schemas"]["Deployment"] | null;
            /** @description Why `candidate` is not asked: it cannot be served beside what is live; absent while it is. */
            candidate_refused?: string | null;
            /** @description What is out of order about what answers: rules that are waived, an answer without an approval. */
            exceptions?: string[];
            /** @description The input rules of the versions that are loaded, with the rows that broke each since then. */
            input_rules?: components["schemas"]["InputRuleCount"][];
            live?: components["schemas"]["Deployment"] | null;
            /** @description The models of the versions that answer or are tried here, in memory or not. */
            models?: components["schemas"]["ModelMemory"][];
            /** @description The name that clients call. */
            name: string;
            /**
             * Format: int64
             * @description Alerts of this endpoint that are open.
             */
            open_alerts: number;
            /** @description The name of the project whose contract has it. */
            project: string;
            /** @description Why `live` answers nobody: it was refused when it was loaded; absent while it answers. */
            refused?: string | null;
            waits?: components["schemas"]["Waits"] | null;
        };
        /** @description How many deliveries are tried again. */
        EventsReplayed: {
            /**
             * Format: int64
             * @description How many.
             */
            deliveries: number;
        };
        /**
         * @description What a person decides of an experiment.
         * @enum {string}
         */
        ExperimentDecision: "promote" | "stop";
        /**
         * @description What an experiment says of the new version.
         * @enum {string}
         */
        ExperimentResult: "not_enough_data" | "undecided" | "better" | "worse" | "mismatch";
        /** @description The first answer of an entity while two versions shared the traffic. */
        Exposure: {
            /**
             * Format: date-time
             * @description When it was answered.
             */
            at: string;
            /** @description The hash by which the entity was drawn, in 16 hexadecimal digits. Each candidate has other hashes. */
            entity: string;
            /** @description The id of the prediction. */
            id: string;
            /**
             * Format: int32
             * @description The share of the entities that was the candidate's then, in percent.
             */
            percent: number;
            /**
             * Format: int32
             * @description The number of the version that answered.
             */
            version: number;
        };
        /** @description Which entity met which version first. */
        Exposures: {
            /** @description In the order in which they were recorded. */
            exposures: components["schemas"]["Exposure"][];
            /**
             * Format: int64
             * @description How many there are.
             */
            total: number;
        };
        /** @description Ends a login by the OpenID provider (`POST /api/v1/login/provider/finish`). */
        FinishProviderLogin: {
            /** @description The code that the provider gave to the browser. */
            code: components["schemas"]["Secret"];
            /** @description As it was given. */
            nonce: components["schemas"]["Secret"];
            /** @description As when it began. */
            redirect_uri: string;
            /** @description As it was given. */
            verifier: components["schemas"]["Secret"];
        };
        /** @description Garbage of one kind in one place. */
        Garbage: {
            /**
             * Format: date-time
             * @description What is from before this time; absent where not time decides.
             */
            before?: string | null;
            /**
             * Format: int64
             * @description Their bytes; 0 for rows of the database.
             */
            bytes: number;
            /**
             * Format: int64
             * @description How many: rows of logs and readings, else files.
             */
            count: number;
            /** @description What it is. */
            kind: components["schemas"]["GarbageKind"];
            /** @description The endpoint, or the folder. */
            place: string;
        };
        /** @description What was found, and removed if that was asked for. */
        GarbageCollection: {
            /**
             * Format: int64
             * @description The bytes of all of it.
             */
            bytes: number;
            /** @description Whether all of it was looked at; if not, ask again. */
            complete: boolean;
            /** @description Whether it was removed. */
            deleted: boolean;
            /** @description What it was. */
            garbage: components["schemas"]["Garbage"][];
            /** @description What could not be looked at, and why; nothing of it is removed. */
            skipped: string[];
        };
        /**
         * @description What garbage is.
         * @enum {string}
         */
        GarbageKind: "predictions" | "labels" | "readings" | "packages" | "step_results" | "step_blobs" | "profiles" | "dataset_copies" | "environments" | "training_files" | "artifacts" | "deleted_runs" | "deleted_models" | "deleted_experiments";
        /** @description What a gate said of a version. */
        GateVerdict: {
            /**
             * Format: date-time
             * @description When it was evaluated.
             */
            at: string;
            /** @description The name of the gate in the contract. */
            gate: string;
            /** @description One sentence a rule. */
            reason: string[];
            /** @description What it came to. */
            verdict: components["schemas"]["Verdict"];
        };
        /** @description Grants a waiver (`POST /api/v1/models/{model}/waivers`). */
        GrantWaiver: {
            /** @description The name of the gate. */
            gate: string;
            /** @description Why. */
            reason: string;
            /** @description The rule, as in the contract. */
            rule: string;
            /**
             * Format: date-time
             * @description When it ends.
             */
            until: string;
            /**
             * Format: int32
             * @description The number of the version; absent: every version of the model, also those to come.
             */
            version?: number | null;
        };
        /** @description The process answers (`GET /health`). */
        Health: {
            /**
             * @description Always `alive`: a dead process does not answer.
             * @example alive
             */
            status: string;
            /**
             * Format: int64
             * @description Milliseconds since the process began to listen.
             */
            uptime_ms: number;
            /** @description The version of the program. */
            version: string;
        };
        /** @description How much of one kind was brought, and whether it is the same here. */
        ImportCount: {
            /**
             * Format: int64
             * @description How many this import brought.
             */
            brought: number;
            /**
             * Format: int64
             * @description How many of them are here.
             */
            here: number;
            /** @description What they add up to here. */
            here_digest: string;
            /** @description What: `runs`, `points`, … */
            kind: string;
            /**
             * Format: int64
             * @description How many the source has.
             */
            source: number;
            /** @description What the contents of all of them add up to at the source. */
            source_digest: string;
        };
        /** @description What `POST /api/v1/imports/mlflow/finish` is told: an import came to its end. */
        ImportFinished: {
            /** @description How much, by kind. */
            counts: components["schemas"]["ImportCount"][];
            /** @description Where it came from, without credentials. */
            source: string;
        };
        /** @description What `POST /api/v1/imports/mlflow` is asked: things of another server, brought in their order, all of them or none. */
        ImportRecords: {
            /** @description The things. */
            records: Record<string, never>[];
        };
        /** @description That it was done. */
        Imported: {
            /** @description How many things there were. */
            records: number;
        };
        /** @description What waits for people, what is due first at the top. */
        Inbox: {
            /** @description Every item of the projects that the caller may read. */
            items: components["schemas"]["InboxItem"][];
        };
        /** @description Something that waits for someone. */
        InboxItem: {
            /** @description The command that decides. */
            command: string;
            /**
             * Format: date-time
             * @description Until when it must be decided; absent: there is no such time.
             */
            due?: string | null;
            /** @description Whether the caller can decide. */
            is_mine: boolean;
            /** @description What kind of decision is waited for. */
            kind: components["schemas"]["InboxKind"];
            /** @description The name of the project. */
            project: string;
            /** @description The roles that can decide. */
            roles: string[];
            /**
             * Format: date-time
             * @description Since when it waits.
             */
            since: string;
            /** @description What it is about: a version, or the id of a proposal. */
            subject: string;
            /** @description What is waited for. */
            text: string;
        };
        /**
         * @description What kind of decision is waited for.
         * @enum {string}
         */
        InboxKind: "break_glass" | "policy" | "review" | "card" | "approval" | "gate" | "submission" | "approval_ends" | "waiver_ends";
        /** @description An input rule of a version, and the rows that broke it since the version was loaded. */
        InputRuleCount: {
            /** @description The name of the input. */
            input: string;
            /** @description What becomes of the rows. */
            policy: string;
            /**
             * Format: int64
             * @description Rows that broke it.
             */
            rows: number;
            /** @description What is asked of its values: `range`, `values`, `null` or `unseen`. */
            rule: string;
            /**
             * Format: int64
             * @description The number of the version.
             */
            version: number;
        };
        /** @description Every model that the caller may read. */
        Inventory: {
            /** @description By the name of the project. */
            items: components["schemas"]["InventoryEntry"][];
        };
        /** @description A model of the inventory. */
        InventoryEntry: {
            /**
             * Format: date-time
             * @description When what answers was approved last.
             */
            approved?: string | null;
            /** @description What is wrong. */
            findings: string[];
            /** @description What answers now. */
            live: components["schemas"]["LiveVersion"][];
            /** @description The name of the model. */
            model: string;
            /** @description Who answers for it. */
            owner?: string | null;
            /** @description The name of the project. */
            project: string;
            /**
             * Format: date-time
             * @description When the approval of what answers ends.
             */
            review_due?: string | null;
            /** @description The risk tier: `low`, `medium` or `high`. */
            risk: string;
            /** @description How many versions there are. */
            versions: number;
        };
        /**
         * @description What a key signs.
         * @enum {string}
         */
        KeyPurpose: "package" | "checkpoint";
        /**
         * @description Whether a key signs, and whether what it signed is believed.
         * @enum {string}
         */
        KeyState: "active" | "superseded" | "revoked";
        /** @description Labels: what turned out to be true (`POST /api/v1/endpoints/{endpoint}/labels`). */
        Labels: {
            /** @description Whether to say how many of the ids belong to recorded predictions: it looks through the log. */
            count_known?: boolean;
            /** @description Prediction ids, as the answers gave them. */
            ids: string[];
            /** @description When each became known, RFC 3339; where it is absent, now. */
            known_at?: string[] | null;
            /** @description One truth an id: all texts, all numbers or all true/false; `null` takes a label back. */
            values: Record<string, never>[];
        };
        /** @description Labels that are kept: they survive any end of the process. */
        LabelsKept: {
            /** @description Labels whose id belongs to a recorded prediction, where that was asked. */
            known_ids?: number | null;
            /** @description How many labels were kept, those taken back among them. */
            labels: number;
            /** @description Some of the ids that belong to none (yet). */
            unknown_ids?: string[];
            /** @description Labels that name no class of the version that serves: how many, and the words. They are kept, and measured never. */
            unknown_labels?: string | null;
        };
        /** @description A version that answers at an endpoint. */
        LiveVersion: {
            /** @description The name of the endpoint. */
            endpoint: string;
            /**
             * Format: int32
             * @description The number of the version.
             */
            version: number;
        };
        /** @description A name and its password (`POST /api/v1/login`). */
        Login: {
            /** @description `user:NAME`. */
            actor: string;
            /** @description The password. */
            password: components["schemas"]["Secret"];
        };
        /** @description How people sign in here (`GET /api/v1/login/options`). */
        LoginOptions: {
            /** @description Whether a name and a password can be. */
            password: boolean;
            /** @description The address of the OpenID provider, where there is one. */
            provider?: string | null;
            /** @description Whether who acts has to be proven. If not, a name is enough. */
            required: boolean;
            /** @description Whether a token can be shown. */
            token: boolean;
        };
        /** @description The mean loss per row, now and on the held-out rows of the version. */
        LossChange: {
            /**
             * Format: double
             * @description The mean loss per held-out row of the version.
             */
            before?: number | null;
            explained_by_drift?: components["schemas"]["Effect"] | null;
            /**
             * Format: double
             * @description `null` while too few labels are known.
             */
            now?: number | null;
            /**
             * Format: int64
             * @description The labelled rows that `now` rests on.
             */
            rows?: number | null;
        };
        /** @description Asks for a measurement of the objectives of a model. There is nothing to choose. */
        MeasureObjectives: Record<string, never>;
        /** @description How a metric of the candidate differs from that of the live version. */
        MetricComparison: {
            /**
             * Format: int64
             * @description The values that it rests on.
             */
            count?: number | null;
            /**
             * Format: double
             * @description Of the candidate minus of the live version; of `latency` their ratio; absent without enough data.
             */
            difference?: number | null;
            /**
             * Format: double
             * @description The upper end of its interval.
             */
            high?: number | null;
            /**
             * Format: double
             * @description The lower end of its interval, which holds at all times at once with 95 % confidence.
             */
            low?: number | null;
            /** @description The metric. */
            metric: components["schemas"]["ComparedMetric"];
            /** @description Why there is no difference. */
            missing?: string | null;
        };
        /** @description One metric of runs, each as columns. */
        MetricSeries: {
            /** @description How many points there are, and how they are drawn, for the line below the chart. */
            caption: string;
            /** @description In the order in which they were asked for. */
            series: components["schemas"]["RunSeries"][];
        };
        /** @description A point of a metric. */
        MetricValue: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /**
             * Format: int64
             * @description The step within the run.
             */
            step: number;
            /**
             * Format: double
             * @description What was measured; null where it is NaN.
             */
            value?: number | null;
        };
        /** @description The share of the rows in which a column has no value, now and in the reference. */
        MissingValues: {
            /** @description The name of the column. */
            column: string;
            /**
             * Format: double
             * @description The share now, 0 to 1.
             */
            share?: number | null;
            /**
             * Format: double
             * @description The share in the reference, 0 to 1.
             */
            share_before?: number | null;
        };
        /** @description A registered model. */
        Model: {
            /**
             * Format: date-time
             * @description When its first version was registered.
             */
            created: string;
            /** @description The name under which versions are registered. */
            name: string;
            /** @description The name of its project. */
            project: string;
            /** @description Versions, newest first; at most a hundred. */
            versions: components["schemas"]["Version"][];
        };
        /** @description The model of a version in the process that answers. */
        ModelMemory: {
            /**
             * Format: int64
             * @description The memory that it takes, in bytes; absent while it is not in memory.
             */
            bytes?: number | null;
            /** @description Whether it is in memory; if not, the next request loads it. */
            in_memory: boolean;
            /**
             * Format: int64
             * @description The number of the version.
             */
            version: number;
        };
        /**
         * @description The kind of a monitor.
         * @enum {string}
         */
        MonitorKind: "data" | "performance" | "drift" | "bias" | "usage";
        /** @description Keeps an alert silent for a time (`POST /api/v1/alerts/{id}/mute`). */
        Mute: {
            /** @description Why, for the audit table. */
            reason?: string | null;
            /**
             * Format: date-time
             * @description RFC 3339; a mute always ends.
             */
            until: string;
        };
        /** @description An account that is wanted (`POST /api/v1/accounts`). */
        NewAccount: {
            /**
             * @description `user:NAME` or `svc:NAME`.
             * @example user:ana
             */
            actor: string;
            /** @description Whether it administers the platform: accounts, tokens of services, where events are sent. */
            admin?: boolean;
            /** @description The groups that it is a member of. */
            groups?: string[];
            /** @description The person who answers for a service; absent: who makes it. */
            owner?: string | null;
            password?: components["schemas"]["Secret"] | null;
        };
        /** @description Asks for a run (`POST /api/v1/runs`). The server runs it in the project's folder on its own machine. */
        NewRun: {
            /** @description BLAKE3 of the contract that the caller has at hand; another one in the folder is refused. */
            contract?: string | null;
            /**
             * @description The folder of a project on the machine of the server, instead of its name. Only for whoever can read the data
             *     folder: its `server.json` holds the key that the header `x-kilter-folder-key` must carry.
             */
            folder?: string | null;
            /** @description Execute steps though their results are known, and make a version though nothing changed. */
            force?: boolean;
            /** @description Refuse data that is not what `kilter.lock` pins. */
            locked?: boolean;
            /** @description Other values of parameters, by dotted path. */
            params?: Record<string, never>;
            /** @description A registered project: it runs in the folder that it was registered with. */
            project?: string | null;
            /** @description Only these steps and what feeds them; all where none is named. */
            steps?: string[];
        };
        /** @description Begins a session of a browser (`POST /api/v1/session`), in one of the ways of [`LoginOptions`]. */
        NewSession: {
            /** @description By a token of an account or of the server. The session may what the token may, and ends with it. */
            token: components["schemas"]["Secret"];
        } | {
            /** @description By name and password. */
            password: components["schemas"]["Login"];
        } | {
            /** @description By the code that the OpenID provider gave. */
            provider: components["schemas"]["FinishProviderLogin"];
        };
        /** @description A token that is wanted (`POST /api/v1/tokens`). */
        NewToken: {
            /** @description Whose it is; absent: of whoever asks. Others may be services that they answer for. */
            actor?: string | null;
            /** @description Its name, for lists. */
            name: string;
            /** @description What it may be used for, within the rights of its owner. */
            scope?: Record<string, never>;
            /** @description For how long it is valid, 366 days at most; absent: 90 days, or until the token ends that makes it. */
            valid?: string | null;
        };
        /** @description Something changed (`GET /api/v1/changes`, as server-sent events named `change`; the id of an event is its number). */
        ObjectChange: {
            /** @description The kind of what changed: `version`, `deployment`, `alert`, `run`, … Which one it is, the lists say, to those who may read them. */
            object: string;
            /**
             * Format: int64
             * @description The number of the newest audit entry about it.
             */
            seq: number;
        };
        /** @description What the business wants, and what it came to. */
        Objective: {
            /**
             * Format: double
             * @description Its value before the model.
             */
            baseline?: number | null;
            /** @description The quantity of the business. */
            kpi?: string | null;
            /** @description The metrics of the version that is live now. */
            metrics: Record<string, never>;
            /** @description Its name in the contract. */
            name: string;
            /** @description What it came to, newest first; at most a hundred. */
            readings: components["schemas"]["ObjectiveReading"][];
            /**
             * Format: date-time
             * @description When people look at it again.
             */
            review_due?: string | null;
            /** @description The comparison that it must meet. */
            target?: string | null;
        };
        /** @description What an objective came to. */
        ObjectiveReading: {
            /**
             * Format: date-time
             * @description When it was measured.
             */
            at: string;
            /** @description Whether the target is met. */
            is_met?: boolean | null;
            /** @description Why there is no value. */
            note?: string | null;
            /**
             * Format: double
             * @description The value of its KPI; absent: it could not be measured.
             */
            value?: number | null;
            /**
             * Format: int32
             * @description The number of the version that was live then.
             */
            version?: number | null;
        };
        /** @description The objectives of a model. */
        Objectives: {
            /** @description In the order of the contract. */
            items: components["schemas"]["Objective"][];
        };
        /** @description A file of a package. */
        PackageFile: {
            /**
             * Format: int64
             * @description How many bytes it has.
             */
            bytes: number;
            /** @description The BLAKE3 digest of its bytes. */
            digest: string;
            /** @description Whether it may be executed. */
            executable: boolean;
            /** @description Where it is in the package. */
            path: string;
        };
        /** @description The files of a package (`GET /api/v1/models/{model}/packages/{digest}`). */
        PackageFiles: {
            /** @description The identity of the package: the digest of this list. */
            digest: string;
            /** @description Its files, sorted by path. */
            files: components["schemas"]["PackageFile"][];
            /** @description Its signatures, as the file `model.sig` has one. */
            signatures: string[];
        };
        /** @description The signature of a package. */
        PackageSignature: {
            /** @description The id of the key that signed it. */
            signed_by: string;
        };
        /** @description One page of a list, newest first. */
        Page_Alert: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /** @description What is known about it: window, columns, root cause. */
                detail: components["schemas"]["AlertDetail"];
                /** @description The endpoint that it is about. */
                endpoint: string;
                /**
                 * Format: date-time
                 * @description When enough windows had failed; absent while it is pending, and if it was resolved before.
                 */
                fired?: string | null;
                /** @description The id, unique on this platform; the routes of one alert take it. */
                id: string;
                /**
                 * @description What makes alerts about the same thing one: `churn/drift`, `tickets/unknown_class:macOS`. One key has at most one
                 *     alert that is not resolved.
                 * @example churn/drift
                 */
                key: string;
                /** @description What it is about. */
                kind: components["schemas"]["AlertKind"];
                /** @description The kind of its monitor. */
                monitor: components["schemas"]["MonitorKind"];
                /**
                 * Format: date-time
                 * @description When its rule failed first.
                 */
                opened: string;
                /**
                 * Format: date-time
                 * @description When it was over; absent while it is open.
                 */
                resolved?: string | null;
                /** @description Where it is in its life. */
                state: components["schemas"]["AlertState"];
                /** @description What of its kind: the class of an unknown class. */
                subject?: string | null;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_AuditEntry: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /** @description What was done: `version.approve`. */
                action: string;
                /** @description Who did it: `user:ana`, `svc:ci`, `system:monitor`. */
                actor: string;
                /** @description The state after; absent if no state changed. */
                after?: string | null;
                /**
                 * Format: date-time
                 * @description When it was done, by the clock of the process that wrote the entry.
                 */
                at: string;
                /** @description The state before; absent if the object begins to exist. */
                before?: string | null;
                /** @description What it was done to: `version:churn/3`. */
                object: string;
                /** @description What came of it. */
                outcome: components["schemas"]["AuditOutcome"];
                /** @description Why, as the actor stated it; absent if none was stated, or if it was erased. */
                reason?: string | null;
                /**
                 * Format: int64
                 * @description The number of the entry: 1, 2, 3, … without gaps.
                 */
                seq: number;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_BreakGlass: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /**
                 * Format: date-time
                 * @description When.
                 */
                at: string;
                /** @description Who did it. */
                by: string;
                /**
                 * Format: date-time
                 * @description Until when it must be reviewed.
                 */
                due: string;
                /** @description The name of the endpoint. */
                endpoint: string;
                /** @description The id, unique on this platform. */
                id: string;
                /** @description The name of the model. */
                model: string;
                /** @description Why. */
                reason: string;
                /** @description Who reviewed it. */
                reviewed_by?: string | null;
                /** @description Where it is in its life. */
                state: components["schemas"]["BreakGlassState"];
                /**
                 * Format: int32
                 * @description The number of the version.
                 */
                version: number;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_Delivery: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /**
                 * Format: date-time
                 * @description When it is tried next, or when it ended.
                 */
                at: string;
                /**
                 * Format: int32
                 * @description How often it was tried.
                 */
                attempts: number;
                /** @description What the target answered last. */
                detail: string;
                /**
                 * Format: int64
                 * @description The number of the entry of the audit log that is sent.
                 */
                seq: number;
                /** @description How it stands. */
                state: components["schemas"]["DeliveryState"];
                /** @description `webhook:NAME` or `mail:NAME`. */
                target: string;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_Deployment: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /**
                 * Format: int32
                 * @description The share of the requests that it answers, in percent; only in canary.
                 */
                canary_percent?: number | null;
                /**
                 * Format: date-time
                 * @description When it was asked for.
                 */
                created: string;
                /** @description The name of the endpoint. */
                endpoint: string;
                /** @description The id, unique on this platform. */
                id: string;
                /**
                 * Format: date-time
                 * @description When it became live; absent if it never was.
                 */
                live_since?: string | null;
                /**
                 * Format: date-time
                 * @description When it stopped to be live; absent while it is, and if it never was.
                 */
                live_until?: string | null;
                /** @description The name of the model. */
                model: string;
                /** @description Its stage. */
                state: components["schemas"]["DeploymentState"];
                /**
                 * Format: int32
                 * @description The number of the version.
                 */
                version: number;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_Model: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /**
                 * Format: date-time
                 * @description When its first version was registered.
                 */
                created: string;
                /** @description The name under which versions are registered. */
                name: string;
                /** @description The name of its project. */
                project: string;
                /** @description Versions, newest first; at most a hundred. */
                versions: components["schemas"]["Version"][];
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_Reading: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /**
                 * Format: date-time
                 * @description What was known when it was made.
                 */
                as_of: string;
                /**
                 * Format: double
                 * @description The upper bound of the rule; absent if it has none.
                 */
                bound_high?: number | null;
                /**
                 * Format: double
                 * @description The bounds of the rule.
                 */
                bound_low?: number | null;
                /**
                 * Format: int64
                 * @description Rows it rests on.
                 */
                count: number;
                /**
                 * Format: double
                 * @description Share of the window's rows whose label is known; only of readings that rest on labels.
                 */
                coverage?: number | null;
                /** @description Nobody wrote the rule: it holds where the contract says nothing. */
                default_rule?: boolean;
                /** @description The name of the endpoint. */
                endpoint: string;
                /** @description Expected without labels, not measured with them. */
                estimated: boolean;
                /**
                 * Format: double
                 * @description The upper end of the interval; absent if it is open.
                 */
                high?: number | null;
                level?: components["schemas"]["DriftLevel"] | null;
                /**
                 * Format: double
                 * @description The interval of the value; an open end is absent.
                 */
                low?: number | null;
                /** @description What was measured, as its rule writes it: `psi(income)`. */
                metric: string;
                /** @description The version that answered. */
                model?: string | null;
                /** @description The kind of monitor. */
                monitor: components["schemas"]["MonitorKind"];
                /** @description The column, group or slice that the numbers are of, where one part was asked for. */
                part?: string | null;
                /** @description Labels are still missing: it will be read again. */
                provisional: boolean;
                /** @description What the rule says, in a sentence. */
                reason?: string | null;
                /** @description The rule; absent where none is about it. */
                rule?: string | null;
                /**
                 * Format: double
                 * @description Absent: not measured, which is never zero.
                 */
                value?: number | null;
                verdict?: components["schemas"]["Verdict"] | null;
                /**
                 * Format: int32
                 * @description The number of that version.
                 */
                version?: number | null;
                /**
                 * Format: date-time
                 * @description The end of the window, which is no part of it.
                 */
                window_end: string;
                /**
                 * Format: date-time
                 * @description The start of the window.
                 */
                window_start: string;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_RunSummary: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /** @description Why it was started, in a sentence. */
                cause: string;
                /**
                 * Format: date-time
                 * @description When it was asked for.
                 */
                created: string;
                /**
                 * Format: date-time
                 * @description When it was over; absent while it goes on.
                 */
                ended?: string | null;
                /** @description The id, unique on this platform; the routes of one run take it. */
                id: string;
                /** @description The name of the project. */
                project: string;
                /** @description Where it is in its life. */
                state: components["schemas"]["RunState"];
                /**
                 * Format: int32
                 * @description The number of the version that it made.
                 */
                version?: number | null;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_SigningKey: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /**
                 * Format: date-time
                 * @description When it stopped signing.
                 */
                ended?: string | null;
                /** @description The SHA-256 of its PEM text in hex: the `hint` of an OpenSSF signature. */
                id: string;
                /** @description The public key as PEM. */
                public_key: string;
                /** @description What it signs. */
                purpose: components["schemas"]["KeyPurpose"];
                /**
                 * Format: date-time
                 * @description When it was registered.
                 */
                since: string;
                /** @description Whether it signs, and whether what it signed is believed. */
                state: components["schemas"]["KeyState"];
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_TrackedRun: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /** @description The address of its artifacts. */
                artifact_uri: string;
                /** @description The datasets that it read. */
                datasets: components["schemas"]["TrackedInput"][];
                /**
                 * Format: date-time
                 * @description When it ended; absent while it goes on.
                 */
                ended?: string | null;
                executed?: components["schemas"]["RunSummary"] | null;
                /** @description The name of its experiment. */
                experiment: string;
                /** @description Its id. */
                id: string;
                /** @description Whether it is deleted; it can be restored. */
                is_deleted: boolean;
                /** @description Of each metric the point with the highest step, then time, then value. */
                metrics: {
                    [key: string]: components["schemas"]["MetricValue"];
                };
                /** @description The ids of the logged models that it made. */
                models: string[];
                /** @description How people call it. */
                name: string;
                /** @description Its parameters. */
                params: {
                    [key: string]: string;
                };
                /**
                 * Format: date-time
                 * @description When it began.
                 */
                started?: string | null;
                /** @description `scheduled`, `running`, `finished`, `failed` or `killed`. */
                status: string;
                /** @description Its tags. */
                tags: {
                    [key: string]: string;
                };
                /** @description Who logged it, as the client said; empty where it said nothing. */
                user: string;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list, newest first. */
        Page_Waiver: {
            /** @description At most `limit` of them; empty if there is nothing. */
            items: {
                /** @description Who granted it. */
                by: string;
                /** @description The name of the gate. */
                gate: string;
                /** @description The id, unique on this platform. */
                id: string;
                /** @description The name of the model. */
                model: string;
                /** @description Why. */
                reason: string;
                /** @description The rule. */
                rule: string;
                /**
                 * Format: date-time
                 * @description When it was granted.
                 */
                since: string;
                /** @description Where it is in its life. */
                state: components["schemas"]["WaiverState"];
                /**
                 * Format: date-time
                 * @description When it ends.
                 */
                until: string;
                /**
                 * Format: int32
                 * @description The number of the version; absent: every version of the model.
                 */
                version?: number | null;
            }[];
            /** @description Send it as `?cursor=` for what follows; absent on the last page. */
            next?: string | null;
        };
        /** @description A column of past predictions. */
        PastColumn: {
            /** @description Its name. */
            name: string;
            /** @description One value a row; `null` is missing. */
            values: Record<string, never>[];
        };
        /** @description Past predictions, one entry a row (`POST /api/v1/endpoints/{endpoint}/predictions`). */
        PastPredictions: {
            /** @description What went in, by column. Columns that no version reads or records are left out. */
            features?: components["schemas"]["PastColumn"][];
            /** @description Prediction ids; an id that is recorded already is left as it is. */
            ids: string[];
            /** @description When each label became known; where it is absent, when the prediction happened. */
            known_at?: string[] | null;
            /** @description What turned out to be true; `null` where it is not known. */
            labels?: Record<string, never>[] | null;
            /** @description The predicted class of each; absent for a regression. */
            predicted?: (string | null)[] | null;
            /** @description The probability of each class, in the order of the version's classes, row by row. */
            probabilities?: number[][] | null;
            /** @description The score of each: probability of the second class, predicted value, or probability of the predicted class. */
            scores: number[];
            /** @description The SHA-256 of the file that they are of. */
            sha256: string;
            /** @description When each happened, RFC 3339. */
            times: string[];
            /** @description The number of the version that answered each. */
            versions: number[];
        };
        /** @description What became of past predictions. What was imported survives any end of the process. */
        PastPredictionsKept: {
            /** @description Rows that were recorded. */
            imported: number;
            /** @description Rows whose id is recorded already. */
            known: number;
            /** @description Columns that no version of the rows reads or records. */
            left_out?: string[];
            /** @description Rows that are not recorded, with the reason. */
            refused?: components["schemas"]["RefusedPrediction"][];
        };
        /** @description A contract that asks for less than the one in force. */
        PolicyProposal: {
            /** @description The digest of the contract in force when it was proposed. */
            base: string;
            /** @description Who proposed it. */
            by: string;
            /** @description What it asks for less. */
            changes: string[];
            /**
             * Format: date-time
             * @description When.
             */
            created: string;
            /**
             * Format: date-time
             * @description When.
             */
            decided?: string | null;
            /** @description Who decided. */
            decided_by?: string | null;
            /** @description The id, unique on this platform. */
            id: string;
            /** @description The name of the project. */
            project: string;
            /** @description Where it is in its life. */
            state: components["schemas"]["ProposalState"];
            /** @description The text of the contract. */
            text: string;
        };
        /** @description Proposals of a project. */
        PolicyProposals: {
            /** @description Newest first; at most a hundred. */
            items: components["schemas"]["PolicyProposal"][];
        };
        /** @description The file that past predictions come from (`POST /api/v1/endpoints/{endpoint}/predictions/imports`): said once, before its rows. */
        PredictionFile: {
            /** @description Why it is brought in, for the audit log. */
            reason?: string;
            /**
             * Format: int64
             * @description The rows that it has.
             */
            rows: number;
            /** @description The SHA-256 of its bytes, in hexadecimal digits. */
            sha256: string;
        };
        /** @description A file whose rows may be sent. */
        PredictionFileKnown: {
            /**
             * Format: int64
             * @description The number of its entry in the audit log; the same each time that the file is named.
             */
            audit_seq: number;
        };
        /** @description A prediction, and everything that it rests on (`GET /api/v1/predictions/{id}`). */
        PredictionLineage: {
            /**
             * Format: date-time
             * @description When the event happened.
             */
            at: string;
            /** @description Who asked, where that was stated. */
            consumer?: string | null;
            /** @description The endpoint that answered. */
            endpoint: string;
            /** @description The id of the prediction. */
            id: string;
            lineage?: components["schemas"]["VersionLineage"] | null;
            /** @description The predicted class. */
            predicted?: string | null;
            /** @description The name of its project. */
            project: string;
            /**
             * Format: date-time
             * @description When the answer was made.
             */
            recorded_at: string;
            /** @description As what the version answered. */
            role: components["schemas"]["ServingRole"];
            /**
             * Format: double
             * @description The score.
             */
            score?: number | null;
            serving?: components["schemas"]["ServingVersion"] | null;
            /**
             * Format: int32
             * @description The number of the version that answered.
             */
            version: number;
        };
        /** @description A failure with everything a person or a program needs to go on (`application/problem+json`). */
        Problem: {
            /** @description What lay beneath, outermost first. */
            causes?: string[];
            /**
             * @description The code, for programs; the reference lists them all. A newer server may send one that an older client
             *     does not know, so it stays a text here (see [`Problem::known`]).
             * @example column_unknown
             */
            code: string;
            /** @description What was attempted, on which thing, and why it failed. */
            detail: string;
            /** @description What to do next. */
            hint: string;
            /** @description The address or the thing that it happened on. */
            instance?: string | null;
            /**
             * Format: int32
             * @description The HTTP status.
             * @example 422
             */
            status: number;
            /** @description What went wrong, in words that fit every problem of the code. */
            title: string;
            /**
             * @description Identifies the kind of problem: `urn:kilter:error:` and the code.
             * @example urn:kilter:error:column_unknown
             */
            type: string;
        };
        /**
         * @description Where a proposal is in its life.
         * @enum {string}
         */
        ProposalState: "open" | "accepted" | "rejected" | "superseded";
        /** @description A login that begins. What is in it belongs to whoever began it, and is sent back with the code. */
        ProviderLogin: {
            /** @description What the token of the provider must have in it. */
            nonce: components["schemas"]["Secret"];
            /** @description What comes back beside the code as `state`, unchanged. */
            returned: string;
            /** @description Where the person goes with a browser. */
            url: string;
            /** @description What proves that the code comes from whoever began (PKCE). */
            verifier: components["schemas"]["Secret"];
        };
        /** @description Whether requests may be sent here (`GET /ready`). */
        Readiness: {
            /** @description What was looked at. */
            checks: components["schemas"]["Check"][];
            /**
             * @description True when requests may be sent here. What is wrong with one project or one endpoint alone is among the checks, and
             *     keeps the others ready.
             */
            ready: boolean;
        };
        /** @description One measured value of an endpoint over one window. */
        Reading: {
            /**
             * Format: date-time
             * @description What was known when it was made.
             */
            as_of: string;
            /**
             * Format: double
             * @description The upper bound of the rule; absent if it has none.
             */
            bound_high?: number | null;
            /**
             * Format: double
             * @description The bounds of the rule.
             */
            bound_low?: number | null;
            /**
             * Format: int64
             * @description Rows it rests on.
             */
            count: number;
            /**
             * Format: double
             * @description Share of the window's rows whose label is known; only of readings that rest on labels.
             */
            coverage?: number | null;
            /** @description Nobody wrote the rule: it holds where the contract says nothing. */
            default_rule?: boolean;
            /** @description The name of the endpoint. */
            endpoint: string;
            /** @description Expected without labels, not measured with them. */
            estimated: boolean;
            /**
             * Format: double
             * @description The upper end of the interval; absent if it is open.
             */
            high?: number | null;
            level?: components["schemas"]["DriftLevel"] | null;
            /**
             * Format: double
             * @description The interval of the value; an open end is absent.
             */
            low?: number | null;
            /** @description What was measured, as its rule writes it: `psi(income)`. */
            metric: string;
            /** @description The version that answered. */
            model?: string | null;
            /** @description The kind of monitor. */
            monitor: components["schemas"]["MonitorKind"];
            /** @description The column, group or slice that the numbers are of, where one part was asked for. */
            part?: string | null;
            /** @description Labels are still missing: it will be read again. */
            provisional: boolean;
            /** @description What the rule says, in a sentence. */
            reason?: string | null;
            /** @description The rule; absent where none is about it. */
            rule?: string | null;
            /**
             * Format: double
             * @description Absent: not measured, which is never zero.
             */
            value?: number | null;
            verdict?: components["schemas"]["Verdict"] | null;
            /**
             * Format: int32
             * @description The number of that version.
             */
            version?: number | null;
            /**
             * Format: date-time
             * @description The end of the window, which is no part of it.
             */
            window_end: string;
            /**
             * Format: date-time
             * @description The start of the window.
             */
            window_start: string;
        };
        /** @description Why something is done (rollback, approval, rejection, acknowledgement), for the audit table. */
        Reason: {
            /** @description Why, in the words of the actor; absent if the actor states none. */
            reason?: string | null;
        };
        /** @description A reason, and what its hash in the entry is made of. */
        ReceiptReason: {
            /** @description The salt, in hex. */
            salt: string;
            /** @description The reason. */
            text: string;
        };
        /** @description What became of records that a replica sent (`POST /api/v1/endpoints/{endpoint}/records`). */
        RecordsKept: {
            /** @description Rows that were recorded before, so that they are left as they are. */
            known: number;
            /** @description Rows that were recorded by this request. */
            rows: number;
            /**
             * Format: int64
             * @description The number of the last record of the replica that is on the disk here.
             */
            through: number;
        };
        /** @description A past prediction that is not recorded. */
        RefusedPrediction: {
            /** @description Its id, as it was sent. */
            id: string;
            /** @description Why. */
            reason: string;
            /** @description Its row in the request, from 0 on. */
            row: number;
        };
        /** @description Events that are wanted again (`POST /api/v1/events/replay`). */
        ReplayEvents: {
            /**
             * Format: int64
             * @description The number of the first entry.
             */
            first: number;
            /**
             * Format: int64
             * @description The number of the last entry.
             */
            last: number;
            state?: components["schemas"]["DeliveryState"] | null;
            /** @description Only to this target. */
            target?: string | null;
        };
        /** @description Retires a version (`POST /api/v1/models/{model}/versions/{version}/retire`). */
        Retire: {
            /** @description Why, for the audit log. */
            reason?: string | null;
            /**
             * Format: int32
             * @description The number of the version that takes its place where it is live.
             */
            replacement?: number | null;
            /**
             * Format: date-time
             * @description Until when its bytes are kept at least.
             */
            retain_until?: string | null;
        };
        /** @description What an independent review came to. */
        Review: {
            /** @description Golden requests that were answered differently. */
            golden_differing: number;
            /** @description Golden requests that were asked. */
            golden_rows: number;
            /** @description What it came to. */
            outcome: components["schemas"]["ReviewOutcome"];
            /** @description Labelled rows of the package that were measured on. */
            rows: number;
            /** @description Each rule of the gates. */
            rules: components["schemas"]["RuleReview"][];
        };
        /**
         * @description What an independent review came to.
         * @enum {string}
         */
        ReviewOutcome: "confirmed" | "differs" | "not_measured";
        /** @description The columns, slices and share of the loss behind an alert. */
        RootCause: {
            /** @description The columns in which a change is proven. */
            changed_columns: components["schemas"]["ChangedColumn"][];
            loss?: components["schemas"]["LossChange"] | null;
            /** @description By how much the drift of each column alone would change the mean loss; largest first. */
            loss_by_drift: components["schemas"]["ColumnEffect"][];
            /** @description Columns that lack values far more often than they did. */
            missing: components["schemas"]["MissingValues"][];
            score_shift?: components["schemas"]["ScoreShift"] | null;
            /** @description Where the loss is larger than elsewhere, worst first. */
            weak_slices: components["schemas"]["WeakSlice"][];
        };
        /** @description The body of `POST /api/v1/keys/rotate`. */
        RotateKey: {
            /** @description What the new key signs. */
            purpose: components["schemas"]["KeyPurpose"];
            /** @description Why, for the audit log. */
            reason?: string | null;
        };
        /** @description What a review says of one rule. */
        RuleReview: {
            /** @description The name of the gate. */
            gate: string;
            /** @description The verdict of the review; absent: it cannot be measured from the package. */
            measured?: string | null;
            /** @description The verdict that stands. */
            recorded: string;
            /** @description The rule. */
            rule: string;
            /** @description One sentence. */
            text: string;
        };
        /** @description A run with what came of it (`GET /api/v1/runs/{id}`). */
        Run: {
            /** @description What the contract requires of its data does not hold, so nothing was executed. */
            data_refused?: boolean;
            /** @description Why it made nothing: what failed, or what its data does not hold. */
            reason?: string | null;
            /** @description The whole record: data, parameters, commit, keys, outputs. Absent while it goes on. */
            record?: Record<string, never>;
            /** @description In the order in which they may run; empty while it goes on. */
            steps: components["schemas"]["RunStep"][];
            /** @description What a list has of it. */
            summary: components["schemas"]["RunSummary"];
            /** @description Every result was known, and a version of them is there: none was made. */
            unchanged?: boolean;
            version?: components["schemas"]["Version"] | null;
        };
        /** @description One event of a run. */
        RunEvent: {
            /** @description What happened. */
            kind: components["schemas"]["RunEventKind"];
            /**
             * Format: int64
             * @description Send the last one as `?after=` for what follows.
             */
            number: number;
            /** @description In a sentence. */
            text: string;
        };
        /**
         * @description What kind of event.
         * @enum {string}
         */
        RunEventKind: "started" | "step_started" | "step_waiting" | "step_retrying" | "step_succeeded" | "step_cached" | "step_failed" | "step_not_run" | "step_refused" | "data_changed" | "output_kept";
        /** @description A run, and what it was made from. */
        RunLineage: {
            /** @description Why it was started, in a sentence. */
            cause: string;
            /** @description The commit of the code; absent without one. */
            commit?: string | null;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created: string;
            /** @description The digest of each dataset, by name. */
            data: {
                [key: string]: string;
            };
            /** @description Its id. */
            id: string;
            /** @description Whether tracked files differed from the commit. */
            is_dirty: boolean;
        };
        /** @description What happened in a run after a number (`GET /api/v1/runs/{id}/events`). */
        RunProgress: {
            /** @description Events with a higher number than `after`, oldest first; empty if there is none yet. */
            events: components["schemas"]["RunEvent"][];
            /** @description Nothing more will come. */
            has_ended: boolean;
        };
        /**
         * @description The points of one run, in the order of step and time. Where there are more than asked for, they are cut into equal parts in this order,
         *     and the first, last, smallest and largest of each part are here (M4).
         */
        RunSeries: {
            /**
             * Format: int64
             * @description How many points it has at these steps.
             */
            count: number;
            /** @description The run. */
            id: string;
            /** @description The step of each point that is here. */
            steps: number[];
            /** @description Its value; null where it is NaN or infinite. */
            values: (number | null)[];
        };
        /** @description A run that was taken. */
        RunStarted: {
            /** @description The id of the run. */
            id: string;
        };
        /**
         * @description Where a run is in its life.
         * @enum {string}
         */
        RunState: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "refused";
        /** @description What a step of a run did. */
        RunStep: {
            /** @description Why it failed or was not executed, and what to do next; absent otherwise. */
            error?: string | null;
            /** @description Whether its log can be read. */
            has_log: boolean;
            /** @description The run that executed it, where that was an earlier one. */
            made_by?: string | null;
            /** @description The numbers that it wrote to its metrics file, nested ones by dotted path; empty if it has no such file. */
            metrics: {
                [key: string]: number;
            };
            /** @description The name of the step in the contract. */
            name: string;
            /** @description Where it is in its life. */
            state: components["schemas"]["StepState"];
            /**
             * Format: int64
             * @description Of the execution that made the result.
             */
            wall_ms: number;
        };
        /** @description A run in a list. */
        RunSummary: {
            /** @description Why it was started, in a sentence. */
            cause: string;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created: string;
            /**
             * Format: date-time
             * @description When it was over; absent while it goes on.
             */
            ended?: string | null;
            /** @description The id, unique on this platform; the routes of one run take it. */
            id: string;
            /** @description The name of the project. */
            project: string;
            /** @description Where it is in its life. */
            state: components["schemas"]["RunState"];
            /**
             * Format: int32
             * @description The number of the version that it made.
             */
            version?: number | null;
        };
        /** @description How the entities of a period with one split fell. */
        SampleRatio: {
            /**
             * Format: int64
             * @description Entities that met the candidate.
             */
            candidate_entities: number;
            /**
             * Format: int64
             * @description Entities that met the live version.
             */
            champion_entities: number;
            /** @description Whether the versions surely did not receive the shares that were set. */
            is_mismatch: boolean;
            /**
             * Format: double
             * @description The p-value of the share that was set, valid at any time.
             */
            p_value: number;
            /**
             * Format: int32
             * @description The share of the entities that the candidate was to receive, in percent.
             */
            percent: number;
        };
        /** @description By how much the mean raw score moved, and the part of each column; the parts add up to the total. */
        ScoreShift: {
            /** @description The part of each column, largest first. */
            columns: components["schemas"]["ColumnEffect"][];
            /**
             * Format: double
             * @description The mean raw score now minus that on the held-out rows.
             */
            total?: number | null;
        };
        /** @description Searches runs (`POST /api/v1/tracked-runs/search`). */
        SearchTrackedRuns: {
            /** @description The `next` of the page before. */
            cursor?: string | null;
            /** @description Whether deleted runs are found. */
            deleted?: components["schemas"]["Deleted"];
            /** @description The names of the experiments; all that may be read where none is named. */
            experiments?: string[];
            /** @description What must hold, in the language of searches: `metrics.auc > 0.8 AND params.depth = '3'`. Default: nothing. */
            filter?: string;
            /**
             * Format: int32
             * @description Runs of a page: 1 to 1000. Default: 100.
             */
            limit?: number | null;
            /** @description By what they are sorted: `metrics.auc DESC`. Default: the newest first. */
            order_by?: string[];
        };
        /**
         * Format: password
         * @description A text that no log and no message shows.
         */
        Secret: string;
        /** @description What answers where, and what vouches for it (`GET /api/v1/serving-plan`). */
        ServingPlan: {
            /** @description For each version of the plan a signed statement of its state and of who approved it. */
            approvals: components["schemas"]["SignedApproval"][];
            hash_key?: components["schemas"]["Secret"] | null;
            /** @description The public keys by which packages and statements are verified. */
            keys: components["schemas"]["TrustedKey"][];
            /** @description The signed statement of the endpoints and of the versions that answer there. */
            plan: string;
        };
        /**
         * @description The role of a version while it was asked.
         * @enum {string}
         */
        ServingRole: "champion" | "candidate" | "shadow" | "pinned" | "fallback";
        /** @description A version that served at a moment. */
        ServingVersion: {
            /** @description The id of the deployment. */
            deployment: string;
            /** @description The entries of the audit log about the deployment, oldest first. */
            entries: components["schemas"]["AuditEntry"][];
            /** @description Why, as it was stated; absent if nothing was stated, or if it was erased. */
            reason?: string | null;
            /** @description Who asked for the deployment. */
            requested_by: string;
            /**
             * Format: int32
             * @description The share of the requests that it answered, in percent.
             */
            share_percent: number;
            /**
             * Format: date-time
             * @description Since when it was so.
             */
            since: string;
            /** @description Live, canary or shadow. */
            stage: components["schemas"]["DeploymentState"];
            /** @description What the version rests on. */
            version: components["schemas"]["VersionLineage"];
        };
        /** @description Someone who is let in. */
        Session: {
            /** @description Who it is. */
            actor: string;
            /**
             * Format: date-time
             * @description When the token ends.
             */
            expires: string;
            /** @description What proves it from now on, as `Authorization: Bearer TOKEN`. */
            token: components["schemas"]["Secret"];
        };
        /** @description A server among those that share a database. */
        SharingServer: {
            /** @description The machine that it is on. */
            host: string;
            /** @description Whether it lives, by the clock of the database. */
            lives: boolean;
            /** @description Projects that it evaluates and trains. Of a server that lives no more: none. */
            projects: string[];
            /**
             * Format: int32
             * @description Its number.
             */
            replica: number;
            /**
             * Format: date-time
             * @description When the lease by which it lives runs out, or ran out.
             */
            until: string;
        };
        /** @description A yes to a version. */
        SignOff: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who said it. */
            by: string;
            /**
             * Format: date-time
             * @description When it ends; absent: never.
             */
            expires?: string | null;
            /**
             * Format: int32
             * @description The share of the traffic that it is bound to, in percent; absent: all of it.
             */
            max_traffic_percent?: number | null;
            /** @description In which role. */
            role: components["schemas"]["ApproverRole"];
        };
        /** @description Asks for a signature of a package with the key of today. There is nothing to choose. */
        SignPackage: Record<string, never>;
        /** @description What is signed of one version. */
        SignedApproval: {
            /** @description The name of the model. */
            model: string;
            /** @description The signed statement. */
            statement: string;
            /**
             * Format: int32
             * @description The number of the version in the model.
             */
            version: number;
        };
        /** @description A public key of the platform. */
        SigningKey: {
            /**
             * Format: date-time
             * @description When it stopped signing.
             */
            ended?: string | null;
            /** @description The SHA-256 of its PEM text in hex: the `hint` of an OpenSSF signature. */
            id: string;
            /** @description The public key as PEM. */
            public_key: string;
            /** @description What it signs. */
            purpose: components["schemas"]["KeyPurpose"];
            /**
             * Format: date-time
             * @description When it was registered.
             */
            since: string;
            /** @description Whether it signs, and whether what it signed is believed. */
            state: components["schemas"]["KeyState"];
        };
        /** @description What people and gates said of a version. */
        Standing: {
            /** @description What else was done to it, newest first. */
            acts?: components["schemas"]["VersionAct"][];
            /** @description Where it answered without its approval, newest first. */
            break_glasses?: components["schemas"]["BreakGlass"][];
            /** @description Author of the code, starter of the run, submitter: none of them may approve where four eyes are asked for. */
            makers: string[];
            /** @description What a validated version still lacks to be approved. */
            missing?: string[];
            /** @description Every yes that counts. */
            sign_offs?: components["schemas"]["SignOff"][];
            /** @description The waivers that are in force for it. */
            waivers?: components["schemas"]["Waiver"][];
        };
        /** @description What there is and how it stands (`GET /api/v1/status`). */
        Status: {
            /** @description Alerts that are open, newest first. */
            alerts: components["schemas"]["Alert"][];
            /**
             * Format: int64
             * @description Entries of the audit table.
             */
            audit_entries: number;
            /** @description What of the data folder is damaged or missing, each with the file and what to do. */
            damage?: string[];
            /** @description Endpoints, newest first. */
            endpoints: components["schemas"]["EndpointStatus"][];
            /** @description `HOST:PORT` on which this server answers gRPC, if it does. */
            grpc_address?: string | null;
            /** @description The servers that share the database, by their numbers, also those that went within a day. Empty where the database is a file. */
            servers?: components["schemas"]["SharingServer"][];
            /** @description Whether a name alone is an identity: nobody has an account, and whoever reaches the platform is trusted. */
            single_user?: boolean;
            /** @description What the server does beside requests: seals, monitors and trainings. Empty where no server runs. */
            tasks?: components["schemas"]["TaskStatus"][];
        };
        /** @description The log of a step (`GET /api/v1/runs/{id}/steps/{step}/log`), of the execution that made its result. */
        StepLog: {
            /** @description The run that was asked for; the log may be of an earlier one, if the result was known. */
            run: string;
            /** @description The name of the step. */
            step: string;
            /** @description What the step wrote, both of its streams. Bytes that are no text stand as replacement characters. */
            text: string;
        };
        /**
         * @description Where a step is in its life.
         * @enum {string}
         */
        StepState: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "cached" | "skipped" | "refused";
        /** @description What a submission came to. */
        Submission: {
            /** @description Rules of its gates that neither passed nor are waived. */
            open?: string[];
            /** @description The version, in the state that it has now. */
            version: components["schemas"]["Version"];
        };
        /** @description How a task stands that the server does beside requests. */
        TaskStatus: {
            /** @description What it does, or why it does not. */
            detail: string;
            /**
             * Format: int32
             * @description Failures in a row.
             */
            failures: number;
            /**
             * @description What the task is called, unique in the process.
             * @example sealing
             */
            name: string;
            /** @description False when it keeps failing, has panicked, or does not come back. */
            ok: boolean;
            /**
             * Format: int64
             * @description Panics since the server began.
             */
            panics: number;
            /** @description The project that it is about; absent where it is about all of them. */
            project?: string | null;
            /**
             * Format: int64
             * @description How long the step takes that runs now.
             */
            running_seconds?: number | null;
            /**
             * Format: int64
             * @description When it last succeeded.
             */
            succeeded_seconds_ago?: number | null;
        };
        /** @description A token that was made. Its text is not stored, and cannot be had again. */
        TokenCreated: {
            /** @description What is stored. */
            info: components["schemas"]["TokenInfo"];
            /** @description What proves who asks, as `Authorization: Bearer TOKEN`. */
            token: components["schemas"]["Secret"];
        };
        /** @description A token, without its text. */
        TokenInfo: {
            /** @description Whose it is. */
            actor: string;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created: string;
            /**
             * Format: date-time
             * @description When it ends by itself.
             */
            expires: string;
            /** @description Its id. */
            id: string;
            /**
             * Format: date-time
             * @description When it was used last, to the minute.
             */
            last_used?: string | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: date-time
             * @description When it was revoked.
             */
            revoked?: string | null;
            /** @description What it may be used for. */
            scope: Record<string, never>;
            /** @description Whether a login made it. */
            session: boolean;
        };
        /** @description Tokens, newest first. */
        Tokens: {
            /** @description Newest first. */
            tokens: components["schemas"]["TokenInfo"][];
        };
        /** @description A dataset that a run read. */
        TrackedInput: {
            /** @description What it was read for: training, evaluation and the like. */
            context?: string | null;
            /** @description The digest of its content, as the client computed it. */
            digest: string;
            /** @description Its name. */
            name: string;
        };
        /** @description A run with what it logged (`GET /api/v1/tracked-runs/{id}`). */
        TrackedRun: {
            /** @description The address of its artifacts. */
            artifact_uri: string;
            /** @description The datasets that it read. */
            datasets: components["schemas"]["TrackedInput"][];
            /**
             * Format: date-time
             * @description When it ended; absent while it goes on.
             */
            ended?: string | null;
            executed?: components["schemas"]["RunSummary"] | null;
            /** @description The name of its experiment. */
            experiment: string;
            /** @description Its id. */
            id: string;
            /** @description Whether it is deleted; it can be restored. */
            is_deleted: boolean;
            /** @description Of each metric the point with the highest step, then time, then value. */
            metrics: {
                [key: string]: components["schemas"]["MetricValue"];
            };
            /** @description The ids of the logged models that it made. */
            models: string[];
            /** @description How people call it. */
            name: string;
            /** @description Its parameters. */
            params: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description When it began.
             */
            started?: string | null;
            /** @description `scheduled`, `running`, `finished`, `failed` or `killed`. */
            status: string;
            /** @description Its tags. */
            tags: {
                [key: string]: string;
            };
            /** @description Who logged it, as the client said; empty where it said nothing. */
            user: string;
        };
        /**
         * @description What changed in a run since the event before (`GET /api/v1/tracked-runs/{id}/events`, as server-sent events named `change`).
         *     The first one has all there is. After the last one the event `end` follows.
         */
        TrackedRunChange: {
            /** @description Of each metric the points behind the last one that was sent, in the order of step and time; in the first event the last one. */
            metrics: {
                [key: string]: components["schemas"]["MetricValue"][];
            };
            /** @description How people call it now. */
            name: string;
            /** @description Parameters that are new. */
            params: {
                [key: string]: string;
            };
            /** @description The names of tags that are gone. */
            removed_tags: string[];
            /** @description Where it stands now. */
            status: string;
            /** @description Tags that are new, or have another value. */
            tags: {
                [key: string]: string;
            };
        };
        /** @description A public key whose signatures the platform believes. */
        TrustedKey: {
            /** @description The SHA-256 of its PEM text in hex. */
            id: string;
            /** @description The public key as PEM. */
            public_key: string;
        };
        /**
         * @description What a rule or a gate came to.
         * @enum {string}
         */
        Verdict: "passed" | "failed" | "undecided";
        /** @description What the log is verified against (`POST /api/v1/audit/verify`). */
        VerifyAudit: {
            /** @description Checkpoints that were kept elsewhere: signed notes. */
            checkpoints?: string[];
            /** @description Verifier keys that are believed, instead of those that the platform has registered. */
            keys?: string[];
        };
        /** @description A version of a model. Nothing edits it; its digest is its identity. */
        Version: {
            /**
             * Format: date-time
             * @description When it was registered.
             */
            created: string;
            /** @description BLAKE3 of its package. */
            digest: string;
            /** @description What each gate said last. */
            gates?: components["schemas"]["GateVerdict"][];
            /** @description What was measured on the rows that it was not trained on, by metric. */
            metrics: Record<string, never>;
            /** @description The name of the model. */
            model: string;
            /**
             * Format: int32
             * @description The number within the model: 1, 2, 3, …
             */
            number: number;
            /** @description The run that made it. */
            run?: string | null;
            standing?: components["schemas"]["Standing"] | null;
            /** @description Where it is in its life. */
            state: components["schemas"]["VersionState"];
        };
        /** @description Something that was done to a version. */
        VersionAct: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who did it. */
            by: string;
            /** @description What was done. */
            kind: components["schemas"]["VersionActKind"];
            outcome?: components["schemas"]["ReviewOutcome"] | null;
        };
        /**
         * @description What was done to a version.
         * @enum {string}
         */
        VersionActKind: "submitted" | "returned" | "reviewed" | "retired" | "revoked";
        /** @description What one version answered in one role. */
        VersionColumnStats: {
            /** @description Features in the order of the signature, then score and prediction. */
            columns: components["schemas"]["ColumnSummary"][];
            /**
             * Format: date-time
             * @description The first hour with a row, and the end of the last one.
             */
            from: string;
            /** @description The name of the model. */
            model: string;
            /** @description Its role at that time. */
            role: components["schemas"]["ServingRole"];
            /**
             * Format: int64
             * @description Rows that it answered.
             */
            rows: number;
            /**
             * Format: date-time
             * @description The end of the last hour with a row, which is no part of it.
             */
            to: string;
            /**
             * Format: int64
             * @description The number of the version.
             */
            version: number;
        };
        /** @description A version, and everything that it rests on. */
        VersionLineage: {
            /** @description What people decided, oldest first. */
            approvals: components["schemas"]["Decided"][];
            /** @description BLAKE3 of its package. */
            digest: string;
            /** @description The entries of the audit log about version, gates, approvals and run, oldest first. */
            entries: components["schemas"]["AuditEntry"][];
            /** @description What each gate said last. */
            gates: components["schemas"]["GateVerdict"][];
            /** @description Who made it, and may not approve it where four eyes are asked for. */
            makers: string[];
            /** @description The name of the model. */
            model: string;
            /**
             * Format: int32
             * @description The number of the version.
             */
            number: number;
            /** @description BLAKE3 of the policy that it is judged by. */
            policy_digest: string;
            run?: components["schemas"]["RunLineage"] | null;
            /** @description The state that it had. */
            state: components["schemas"]["VersionState"];
            /** @description The rules that it was allowed to fail then. */
            waivers?: components["schemas"]["Waiver"][];
        };
        /**
         * @description Where a version of a model is in its life.
         * @enum {string}
         */
        VersionState: "draft" | "candidate" | "validated" | "approved" | "rejected" | "retired" | "revoked";
        /** @description The next step towards a version that answers. */
        Waits: {
            /** @description The command that takes it. */
            command: string;
            /** @description Why it does not answer yet. */
            reason: string;
            /**
             * Format: int32
             * @description The version that is waited with; absent while there is none.
             */
            version?: number | null;
            /** @description Who can take the step: roles, with the people who have them. */
            who?: string[];
        };
        /** @description A rule of a gate that versions may miss until a time. */
        Waiver: {
            /** @description Who granted it. */
            by: string;
            /** @description The name of the gate. */
            gate: string;
            /** @description The id, unique on this platform. */
            id: string;
            /** @description The name of the model. */
            model: string;
            /** @description Why. */
            reason: string;
            /** @description The rule. */
            rule: string;
            /**
             * Format: date-time
             * @description When it was granted.
             */
            since: string;
            /** @description Where it is in its life. */
            state: components["schemas"]["WaiverState"];
            /**
             * Format: date-time
             * @description When it ends.
             */
            until: string;
            /**
             * Format: int32
             * @description The number of the version; absent: every version of the model.
             */
            version?: number | null;
        };
        /**
         * @description Where a waiver is in its life.
         * @enum {string}
         */
        WaiverState: "granted" | "ended" | "revoked";
        /** @description Rows on which the loss is larger than on the rest. */
        WeakSlice: {
            /** @description `age >= 40 and region = north`. */
            conditions: string;
            /**
             * Format: double
             * @description Evidence that the loss is larger here, as an e-value: 20 is like p = 0.05. `null` if it has no upper end.
             */
            e_value?: number | null;
            /** @description By how much it is larger than on the rest. */
            excess: components["schemas"]["Effect"];
            /**
             * Format: double
             * @description The mean loss per row.
             */
            loss?: number | null;
            /**
             * Format: double
             * @description The same on the held-out rows of the version; `null` if they are too few.
             */
            loss_before?: number | null;
            /**
             * Format: int64
             * @description Rows of the slice whose label is known.
             */
            rows: number;
        };
        /** @description Who asks, and by what that is known. */
        WhoAmI: {
            /** @description Who it is. */
            actor: string;
            /** @description Whether they administer the platform. */
            admin: boolean;
            /** @description Where a cookie proved it: what requests that act carry beside it, as `x-kilter-csrf`. */
            csrf?: string | null;
            /** @description The groups that they are a member of. */
            groups: string[];
            /** @description The person who answers for a service. */
            on_behalf?: string | null;
            /** @description Whether that was proven; if not, it is what the caller says. */
            proven: boolean;
            /** @description What the token may be used for. */
            scope: Record<string, never>;
        };
        /** @description A version that may not serve any more, and what answers in its place. */
        Withdrawal: {
            /** @description The endpoints where it served. */
            endpoints?: components["schemas"]["WithdrawnEndpoint"][];
            /** @description The version, in the state that it has now. */
            version: components["schemas"]["Version"];
        };
        /** @description An endpoint where a version served that may not any more. */
        WithdrawnEndpoint: {
            /**
             * Format: int32
             * @description The number of the version that answers in its place; absent if nothing does.
             */
            answers?: number | null;
            /** @description The name of the endpoint. */
            endpoint: string;
            /** @description Whether the version was live there; if not, it was a candidate. */
            was_live: boolean;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    v1_live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does; or the page of the UI, if `Accept` asks for text/html */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_accounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accounts"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccount"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_account: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeAccount"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_password: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangePassword"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_alerts: {
        parameters: {
            query?: {
                /** @description Only alerts that are not over. */
                open?: boolean;
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Alert"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    acknowledge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    mute: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Mute"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resolve: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unmute: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_audit: {
        parameters: {
            query?: {
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_AuditEntry"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_audit_bodies: {
        parameters: {
            query?: {
                /** @description The number of the entry behind which they begin; 0 for the first. */
                after?: number;
                /** @description How many at most: 1 to 1,000. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditBodies"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_checkpoint: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditHead"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_consistency: {
        parameters: {
            query: {
                /** @description The smaller number of entries. */
                from: number;
                /** @description The larger one; all entries where it is left out. */
                to?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsistencyProof"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    check_audit: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditCheck"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    check_audit_against: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VerifyAudit"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditCheck"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_audit_entry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                entry: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditRecord"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    erase_reason: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                entry: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditRecord"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_audit_receipt: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                entry: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditReceipt"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    follow_changes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ObjectChange"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_deployments: {
        parameters: {
            query?: {
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Deployment"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_endpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointStatus"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_break_glass: {
        parameters: {
            query?: {
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_BreakGlass"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deploy_break_glass: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BreakGlassDeploy"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    review_break_glass: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BreakGlassReview"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BreakGlass"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_column_stats: {
        parameters: {
            query?: {
                /** @description From this time on (RFC 3339). Default: a day before `until`. */
                since?: string;
                /** @description Up to this time. Default: now. */
                until?: string;
            };
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ColumnStats"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_comparison: {
        parameters: {
            query?: {
                /** @description The number of a version: its last deployment there. Without it: what is on its way. */
                version?: number;
                /** @description Rows and labels count that were known then. Without it: now. */
                as_of?: string;
            };
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comparison"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deploy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Deploy"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    decide_experiment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DecideExperiment"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_exposures: {
        parameters: {
            query?: {
                /** @description The number of a version: its last deployment there. Without it: what is on its way. */
                version?: number;
                /** @description How many are left out, from the first. */
                after?: number;
                /** @description How many are listed: at most 10,000, without it 1,000. */
                limit?: number;
            };
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Exposures"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    send_labels: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Labels"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LabelsKept"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    import_predictions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PastPredictions"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PastPredictionsKept"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    begin_import: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PredictionFile"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PredictionFileKnown"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_readings: {
        parameters: {
            query?: {
                /** @description Of this kind. */
                monitor?: components["schemas"]["MonitorKind"];
                /** @description Of this metric, as its rule writes it. */
                metric?: string;
                /** @description With the numbers of one part of it: a column of `psi(*)`, a group or a slice (`region=north`). */
                part?: string;
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Reading"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_latest_readings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Reading"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    keep_records: {
        parameters: {
            query: {
                /** @description The replica that made them: letters, digits and `-`. */
                replica: string;
                /** @description The number of the first record in the log of the replica, from 1 on. */
                first: number;
                /** @description The number of the last one. */
                last: number;
            };
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/vnd.kilter.records": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordsKept"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    roll_back: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndpointStatus"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_events: {
        parameters: {
            query?: {
                /** @description Only those that stand so. */
                state?: components["schemas"]["DeliveryState"];
                /** @description How many at most. */
                limit?: number;
                /** @description Where the page before ended. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Delivery"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replay_events: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplayEvents"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventsReplayed"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    collect_garbage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CollectGarbage"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GarbageCollection"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    import_mlflow: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportRecords"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Imported"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    finish_mlflow_import: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportFinished"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Imported"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_inbox: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Inbox"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_inventory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Inventory"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_SigningKey"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotate_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateKey"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKey"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKey"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKey"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    log_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Login"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    login_options: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginOptions"];
                };
            };
        };
    };
    begin_provider_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BeginProviderLogin"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProviderLogin"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    finish_provider_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FinishProviderLogin"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_models: {
        parameters: {
            query?: {
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Model"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_objectives: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Objectives"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    measure_objectives: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MeasureObjectives"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Objectives"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_package_files: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                digest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageFiles"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_package_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                digest: string;
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes of the file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                };
            };
            /** @description The bytes behind those that are there already */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_proposals: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyProposals"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    accept_proposal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyProposal"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reject_proposal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyProposal"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    approve: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Approve"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    write_card: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CardParts"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_document: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retire: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Retire"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Withdrawal"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    return_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    review: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Review"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Withdrawal"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sign_package: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignPackage"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PackageSignature"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    submit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Submission"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_waivers: {
        parameters: {
            query?: {
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Waiver"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    grant_waiver: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GrantWaiver"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Waiver"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_waiver: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Waiver"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    document: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_prediction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PredictionLineage"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_runs: {
        parameters: {
            query?: {
                /** @description Rows of a page: 1 to 1000. Default: 100. */
                limit?: number;
                /** @description The `next` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_RunSummary"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_run: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRun"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunStarted"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancel_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_run_events: {
        parameters: {
            query?: {
                /** @description The number of the last event that is known. */
                after?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunProgress"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_step_log: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                step: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepLog"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_serving_plan: {
        parameters: {
            query?: {
                /** @description Seconds to wait for a plan other than that of `If-None-Match`; 20 at most. Default: 0. */
                wait?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServingPlan"];
                };
            };
            /** @description It is as `If-None-Match` says */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    begin_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSession"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BrowserSession"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_as_of: {
        parameters: {
            query: {
                /** @description The moment, like `2026-05-01T12:00:00Z`. */
                at: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AsOf"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenCreated"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenInfo"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    search_tracked_runs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SearchTrackedRuns"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_TrackedRun"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metric_series: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AskSeries"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetricSeries"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_tracked_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrackedRun"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    follow_tracked_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["TrackedRunChange"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    who_am_i: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhoAmI"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    endpoint_invocations: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The predictions; recorded before they are given */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The rows do not fit the model */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    ping_endpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpoint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such endpoint */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    invocations: {
        parameters: {
            query?: {
                /** @description Which endpoint, where there are several */
                endpoint?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The predictions; recorded before they are given */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The rows do not fit the model, or several endpoints are there and none is named */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller may predict nowhere */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Text format of Prometheus, 0.0.4 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": unknown;
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ping: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The server is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description They may */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Not ready; see the checks */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    v1_models: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The names of the endpoints that answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    v1_model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such endpoint */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    v1_predict: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the endpoint, and `:predict` or `:explain` */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The predictions; recorded before they are given */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request does not fit the model */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves, or the address does not end with `:predict` or `:explain` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Name, version and extensions of the server */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It answers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    all_statistics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counts and durations of each version that is loaded */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Inputs and outputs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    model_config: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Inputs, outputs and the most rows of a request */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    infer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answers; recorded before they are given */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request does not fit the model */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    model_ready: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    model_statistics: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counts and durations of each version that is loaded */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing serves */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Inputs and outputs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not served */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    version_config: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Inputs, outputs and the most rows of a request */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not served */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    infer_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request does not fit the model */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not served */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    version_ready: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not served */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    version_statistics: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counts and durations of the version */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is not loaded */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    repository_index: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each version with READY or UNAVAILABLE and the reason */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    load_model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It answers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request brings a model or a configuration of its own */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller may not deploy */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such endpoint, or nothing is live there */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It cannot be loaded */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    unload_model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller may not deploy */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such endpoint */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Deployments decide what answers: roll back, or retire the version */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
