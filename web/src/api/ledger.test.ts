//! A log of `kilter demo`, exported by a server: whole, it is verified; each way to tamper with it is caught, at its entry.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkSignature, hex, isIncluded, leafHash, type LogEntry, readCheckpoint, type Result, verifyLog } from "./ledger";
import { sha256 } from "./sha256";

type Export = { note: string; keys: string[]; entries: LogEntry[]; receipt: { entry: string; proof: string } };
const log = JSON.parse(readFileSync(new URL("./testdata/ledger.json", import.meta.url), "utf8")) as Export;
const checkpoint = readCheckpoint(log.note)!;
const plain = (data: Uint8Array): Promise<Uint8Array> => Promise.resolve(sha256(data));
async function* pages(entries: LogEntry[]): AsyncGenerator<LogEntry[]> {
  for (let at = 0; at < entries.length; at += 25) yield entries.slice(at, at + 25);
}
const verify = (entries: LogEntry[]): Promise<Result> => verifyLog(pages(entries), checkpoint, log.keys);
const tampered = (seq: number, change: (entry: LogEntry) => LogEntry): LogEntry[] => log.entries.map((entry) => (entry.seq === seq ? change(entry) : entry));

describe("a log", () => {
  it("that nobody touched is verified, with WebCrypto and without", async () => {
    const result = await verify(log.entries);
    expect(result).toMatchObject({ faults: [], checked: checkpoint.size, signature: "valid" });
    expect((await verifyLog(pages(log.entries), checkpoint, [], undefined, plain)).root).toBe(result.root);
  });
  it("is checked to the end, and says how far it is", async () => {
    const seen: number[] = [];
    await verifyLog(pages(log.entries), checkpoint, [], (n) => seen.push(n));
    expect(seen.at(-1)).toBe(checkpoint.size);
  });
});

describe("a tampered log is caught", () => {
  const rename = (entry: LogEntry): LogEntry => ({ ...entry, body: entry.body.replace("system:", "user:mallory-") });
  it("where the text of an entry was changed: at that entry, with both hashes", async () => {
    const { faults } = await verify(tampered(42, rename));
    expect(faults[0]).toMatchObject({ seq: 42, expected: log.entries[41]!.leaf });
    expect(faults.map((f) => f.seq)).toEqual([42, null]);
  });
  it("where the hash was computed again too: by the root that was signed", async () => {
    const changed = rename(log.entries[41]!);
    const leaf = hex(await leafHash(changed.body));
    const { faults } = await verify(tampered(42, () => ({ ...changed, leaf })));
    expect(faults.map((f) => f.what)).toEqual(["the root over all entries is not the one that was signed"]);
  });
  it("where an entry was removed, at the end or inside", async () => {
    expect((await verify(log.entries.slice(0, -1))).faults.map((f) => f.what)).toContain("entries that the checkpoint covers are missing");
    expect((await verify(log.entries.filter((e) => e.seq !== 7))).faults[0]).toMatchObject({ seq: 8, expected: "7" });
  });
  it("where two entries changed places", async () => {
    const swapped = [...log.entries];
    [swapped[3], swapped[4]] = [swapped[4]!, swapped[3]!];
    expect((await verify(swapped)).faults.length).toBeGreaterThan(0);
  });
  it("where the checkpoint was written again without the key", async () => {
    const forged = readCheckpoint(log.note.replace(`\n${checkpoint.size}\n`, `\n${checkpoint.size - 1}\n`))!;
    expect(await checkSignature(forged, log.keys)).toBe("invalid");
  });
});

describe("a receipt", () => {
  it("leads from its entry to the signed root, and from no other entry", async () => {
    expect(await isIncluded(log.receipt.entry, log.receipt.proof)).toBe(true);
    expect(await isIncluded(log.receipt.entry.replace("done", "none"), log.receipt.proof)).toBe(false);
    expect(await isIncluded(log.receipt.entry, log.receipt.proof.replace("index 99", "index 98"))).toBe(false);
  });
});

it("plain SHA-256 is that of Node for all lengths around a block", () => {
  for (let length = 0; length < 200; length += 1) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    expect(hex(sha256(data))).toBe(createHash("sha256").update(data).digest("hex"));
  }
});
it("text that is no checkpoint is none", () => {
  for (const text of ["", "\n\n", "a\nb\nc\n\n", "a\n1\n!!!\n\n— x y"]) expect(readCheckpoint(text)).toBeNull();
});
