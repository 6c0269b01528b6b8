-- People name an alert by the end of its id. Its last four characters find the few that end so.
CREATE INDEX alert_end ON alert (substr(id, length(id) - 3));
