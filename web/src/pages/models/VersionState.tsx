import type { State } from "@/api/loop";
import type { Version } from "@/api/queries";
import { Chip } from "@/parts/basics";
import { sentence } from "@/words/format";

const states: Record<Version["state"], State> = { draft: "none", candidate: "wait", validated: "wait", approved: "ok", rejected: "bad", retired: "none", revoked: "bad" };
const words: Partial<Record<Version["state"], string>> = { candidate: "Undecided", validated: "Awaiting approval", rejected: "Refused" };

export const versionState = (version: Version): State => states[version.state];
export const versionWord = (version: Version): string => words[version.state] ?? sentence(version.state);
export const versionChip = (version: Version) => <Chip state={states[version.state]}>{versionWord(version)}</Chip>;
