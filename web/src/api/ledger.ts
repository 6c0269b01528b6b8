//! Verifies the audit log in the browser: the leaves, the Merkle tree of RFC 6962, and the signed checkpoint (C2SP signed note).
//!
//! Shares no code with the server. What it does not find: a log whose owner computed everything again *and* has the signing key; for
//! that, a checkpoint that was kept elsewhere is compared (`kilter audit verify --checkpoint`).
import { digest } from "./sha256";

export type LogEntry = { seq: number; body: string; leaf: string };
export type Checkpoint = { origin: string; size: number; root: Uint8Array; signed: string; signatures: { name: string; bytes: Uint8Array }[] };
export type Fault = { seq: number | null; what: string; expected: string; found: string };
export type Result = { checked: number; size: number; root: string; faults: Fault[]; signature: "valid" | "invalid" | "not checked" };
type Hash = (data: Uint8Array) => Promise<Uint8Array>;

export const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const base64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

const joined = (...parts: Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
/** SHA-256(0x00 ‖ body). */
export const leafHash = (body: string, hash: Hash = digest): Promise<Uint8Array> => hash(joined(Uint8Array.of(0), new TextEncoder().encode(body)));
const nodeHash = (left: Uint8Array, right: Uint8Array, hash: Hash): Promise<Uint8Array> => hash(joined(Uint8Array.of(1), left, right));

/** The root over leaves that come one after another: keeps one hash per complete subtree, so it needs log n memory. */
export class Tree {
  private readonly peaks: { level: number; hash: Uint8Array }[] = [];
  size = 0;
  constructor(private readonly hash: Hash = digest) {}

  async add(leaf: Uint8Array): Promise<void> {
    let node = { level: 0, hash: leaf };
    for (let last = this.peaks.at(-1); last?.level === node.level; last = this.peaks.at(-1)) {
      this.peaks.pop();
      node = { level: node.level + 1, hash: await nodeHash(last.hash, node.hash, this.hash) };
    }
    this.peaks.push(node);
    this.size += 1;
  }

  async root(): Promise<Uint8Array> {
    const peaks = [...this.peaks];
    let root = peaks.pop()?.hash;
    if (root === undefined) return this.hash(new Uint8Array());
    for (let peak = peaks.pop(); peak; peak = peaks.pop()) root = await nodeHash(peak.hash, root, this.hash);
    return root;
  }
}

/** Reads a signed checkpoint; null where the text is none. */
export function readCheckpoint(note: string): Checkpoint | null {
  const end = note.lastIndexOf("\n\n");
  if (end < 0) return null;
  const signed = note.slice(0, end + 1);
  const [origin, size, root] = signed.split("\n");
  if (!origin || !size || !root || !/^\d+$/.test(size)) return null;
  try {
    const signatures = note.slice(end + 2).split("\n").filter((line) => line.startsWith("— ")).map((line) => {
      const [, name = "", text = ""] = line.split(" ");
      return { name, bytes: base64(text) };
    });
    return { origin, size: Number(size), root: base64(root), signed, signatures };
  } catch {
    return null;
  }
}

/** Whether a key of the platform (`name+keyhash+base64`) signed the checkpoint; Ed25519 only, where the browser has it. */
export async function checkSignature(checkpoint: Checkpoint, keys: string[]): Promise<Result["signature"]> {
  for (const text of keys) {
    const parts = text.split("+");
    const encoded = parts.slice(2).join("+");
    const [name = "", keyHash = ""] = parts;
    const signature = checkpoint.signatures.find((s) => s.name === name && hex(s.bytes.slice(0, 4)) === keyHash);
    const bytes = base64(encoded);
    if (!signature || bytes[0] !== 1 || globalThis.crypto?.subtle === undefined) continue;
    try {
      const key = await crypto.subtle.importKey("raw", bytes.slice(1) as BufferSource, "Ed25519", false, ["verify"]);
      const isValid = await crypto.subtle.verify("Ed25519", key, signature.bytes.slice(4) as BufferSource, new TextEncoder().encode(checkpoint.signed) as BufferSource);
      return isValid ? "valid" : "invalid";
    } catch {
      return "not checked"; // The browser has no Ed25519.
    }
  }
  return "not checked";
}

/** Checks entries 1 … size against the checkpoint; `pages` gives them in their order. */
export async function verifyLog(pages: AsyncIterable<LogEntry[]>, checkpoint: Checkpoint, keys: string[], onProgress: (checked: number) => void = () => {}, hash: Hash = digest): Promise<Result> {
  const tree = new Tree(hash);
  const faults: Fault[] = [];
  for await (const page of pages) {
    for (const entry of page) {
      if (tree.size === checkpoint.size) break;
      const expected = tree.size + 1;
      if (entry.seq !== expected) faults.push({ seq: entry.seq, what: "an entry is missing before this one, or their order was changed", expected: String(expected), found: String(entry.seq) });
      const stated = seqOf(entry.body);
      if (stated !== entry.seq) faults.push({ seq: entry.seq, what: "the text of the entry has another number", expected: String(entry.seq), found: String(stated) });
      const leaf = await leafHash(entry.body, hash);
      if (hex(leaf) !== entry.leaf) faults.push({ seq: entry.seq, what: "the text of the entry was changed: its hash is another one", expected: entry.leaf, found: hex(leaf) });
      await tree.add(leaf);
    }
    onProgress(tree.size);
  }
  if (tree.size !== checkpoint.size) faults.push({ seq: null, what: "entries that the checkpoint covers are missing", expected: String(checkpoint.size), found: String(tree.size) });
  const root = await tree.root();
  if (!same(root, checkpoint.root)) faults.push({ seq: null, what: "the root over all entries is not the one that was signed", expected: hex(checkpoint.root), found: hex(root) });
  const signature = await checkSignature(checkpoint, keys);
  if (signature === "invalid") faults.push({ seq: null, what: "the signature of the checkpoint is not that of the key of the platform", expected: "a valid signature", found: "an invalid one" });
  return { checked: tree.size, size: checkpoint.size, root: hex(root), faults, signature };
}

function seqOf(body: string): number | null {
  try {
    const { seq } = JSON.parse(body) as { seq?: unknown };
    return typeof seq === "number" ? seq : null;
  } catch {
    return null;
  }
}

/** Whether a C2SP tlog-proof leads from the entry to the root of its checkpoint. */
export async function isIncluded(body: string, proof: string, hash: Hash = digest): Promise<boolean> {
  const at = proof.indexOf("\n\n");
  const lines = proof.slice(0, at).split("\n");
  const checkpoint = readCheckpoint(proof.slice(at + 2));
  const index = /^index (\d+)$/.exec(lines[1] ?? "")?.[1];
  if (lines[0] !== "c2sp.org/tlog-proof@v1" || index === undefined || checkpoint === null) return false;
  let [node, last] = [Number(index), checkpoint.size - 1];
  if (node > last) return false;
  let root = await leafHash(body, hash);
  for (const line of lines.slice(2)) {
    if (last === 0) return false;
    const beside = base64(line);
    if (node % 2 === 1 || node === last) {
      root = await nodeHash(beside, root, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else root = await nodeHash(root, beside, hash);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && same(root, checkpoint.root);
}
