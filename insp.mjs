// ../../tmp/insp2.mts
import { readFileSync as readFileSync2, mkdtempSync } from "node:fs";

// src/crypto/random.ts
import { randomFillSync, timingSafeEqual } from "node:crypto";
var systemRandom = {
  bytes: (count) => randomFillSync(new Uint8Array(count))
};
function constantTimeEqual(a, b) {
  return a.length === b.length && timingSafeEqual(a, b);
}

// src/model/errors.ts
var SnapError = class extends Error {
  code;
  hint;
  constructor(code, message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.name = "SnapError";
    this.code = code;
    this.hint = details.hint;
  }
};
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
function hasCode(error, ...codes) {
  return error instanceof SnapError && codes.includes(error.code);
}

// src/base/assert.ts
var AssertionError = class extends Error {
  name = "AssertionError";
};
function assert(condition, message) {
  if (!condition) throw new AssertionError(message);
}
function unreachable(value) {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

// src/base/bytes.ts
var VARINT_BYTES_MAX = 8;
var ByteWriter = class {
  #bytes;
  #view;
  #length = 0;
  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(16, capacity));
    this.#view = new DataView(this.#bytes.buffer);
  }
  get length() {
    return this.#length;
  }
  /** Where `count` bytes may be written. It may replace `#bytes` and `#view`: call it before they are read. */
  #room(count) {
    const at = this.#length;
    const end = at + count;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = end;
    return at;
  }
  u8(value) {
    assert(isUnsigned(value, 255), "a u8 is a whole number of one byte");
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }
  u16(value) {
    assert(isUnsigned(value, 65535), "a u16 is a whole number of two bytes");
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
    return this;
  }
  u32(value) {
    assert(isUnsigned(value, 4294967295), "a u32 is a whole number of four bytes");
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
    return this;
  }
  /** A whole number up to 2^53 - 1 in eight bytes. */
  u64(value) {
    assert(isUnsigned(value, Number.MAX_SAFE_INTEGER), "a u64 is a whole number up to 2^53 - 1");
    const at = this.#room(8);
    this.#view.setUint32(at, value % 4294967296, true);
    this.#view.setUint32(at + 4, Math.floor(value / 4294967296), true);
    return this;
  }
  /** A signed whole number within +-(2^53 - 1) in eight bytes. */
  i64(value) {
    assert(Number.isSafeInteger(value), "an i64 is a whole number within 2^53 - 1");
    const at = this.#room(8);
    const high = Math.floor(value / 4294967296);
    this.#view.setUint32(at, value - high * 4294967296, true);
    this.#view.setInt32(at + 4, high, true);
    return this;
  }
  varint(value) {
    assert(isUnsigned(value, Number.MAX_SAFE_INTEGER), "a varint is a whole number up to 2^53 - 1");
    let rest = value;
    while (rest >= 128) {
      this.u8(rest % 128 | 128);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }
  /** The bytes as they are; copied. */
  raw(bytes) {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  /** Length as varint, then the bytes. */
  bytes(bytes) {
    return this.varint(bytes.length).raw(bytes);
  }
  zeros(count) {
    const at = this.#room(count);
    this.#bytes.fill(0, at, at + count);
    return this;
  }
  /** Overwrites four bytes that were written before. */
  patchU32(at, value) {
    assert(at + 4 <= this.#length, "patch within what was written");
    assert(isUnsigned(value, 4294967295), "a u32 is a whole number of four bytes");
    this.#view.setUint32(at, value, true);
    return this;
  }
  /** A copy of what was written, in an ArrayBuffer of its own. */
  done() {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }
  /** A view of what was written, valid until the next write. */
  view() {
    return this.#bytes.subarray(0, this.#length);
  }
  /** Forgets what was written; the memory is used again. */
  clear() {
    this.#length = 0;
  }
};
function isUnsigned(value, max) {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
var ByteReader = class {
  #bytes;
  #what;
  #at;
  /** `what` names the object in errors. */
  constructor(bytes, what, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#at = at;
  }
  get position() {
    return this.#at;
  }
  get left() {
    return this.#bytes.length - this.#at;
  }
  fail(why) {
    throw new SnapError("OBJECT_DAMAGED", `${this.#what}: ${why} (at byte ${this.#at})`);
  }
  #take(count) {
    const at = this.#at;
    if (count > this.#bytes.length - at) this.fail(`${count} bytes expected, ${this.left} left`);
    this.#at = at + count;
    return at;
  }
  u8() {
    return this.#bytes.readUInt8(this.#take(1));
  }
  u16() {
    return this.#bytes.readUInt16LE(this.#take(2));
  }
  u32() {
    return this.#bytes.readUInt32LE(this.#take(4));
  }
  /** What the next `u32` will give. */
  peekU32() {
    const value = this.u32();
    this.#at -= 4;
    return value;
  }
  u64() {
    const at = this.#take(8);
    const value = this.#bytes.readUInt32LE(at + 4) * 4294967296 + this.#bytes.readUInt32LE(at);
    return Number.isSafeInteger(value) ? value : this.fail("a number above 2^53");
  }
  i64() {
    const at = this.#take(8);
    const value = this.#bytes.readInt32LE(at + 4) * 4294967296 + this.#bytes.readUInt32LE(at);
    return Number.isSafeInteger(value) ? value : this.fail("a number beyond 2^53");
  }
  varint() {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && index > 0) this.fail("a varint is not in its shortest form");
        return Number.isSafeInteger(value) ? value : this.fail("a varint above 2^53");
      }
      scale *= 128;
    }
    return this.fail("a varint is too long");
  }
  /** A count of things of at least `bytesEach` bytes: more than can follow is refused before anything is allocated. */
  count(max, bytesEach = 1) {
    const value = this.varint();
    if (value > max)
      throw new SnapError("LIMIT_EXCEEDED", `${this.#what}: a count of ${value} is above the limit of ${max}`);
    if (value * bytesEach > this.left) this.fail(`a count of ${value} with ${this.left} bytes left`);
    return value;
  }
  raw(count) {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }
  bytes(max) {
    return this.raw(this.count(max));
  }
  zeros(count) {
    for (const byte of this.raw(count)) if (byte !== 0) this.fail("reserved bytes are not zero");
  }
  end() {
    if (this.left !== 0) this.fail(`${this.left} bytes too many`);
  }
};
var UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
function decodeText(bytes, what) {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new SnapError("OBJECT_DAMAGED", `${what} is not UTF-8`, { cause });
  }
}
function encodeText(text2) {
  return Buffer.from(text2, "utf8");
}
function toHex(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
function fromHex(text2) {
  const bytes = Buffer.from(text2, "hex");
  assert(bytes.length * 2 === text2.length, "hex digits");
  return bytes;
}

// src/model/ids.ts
var CHUNK_ID_BYTES = 32;
var ID_BYTES = 16;
var HEX_ID = /^[0-9a-f]{32}$/;
function hexId(text2, what) {
  if (!HEX_ID.test(text2))
    throw new SnapError("OBJECT_DAMAGED", `${what} ${JSON.stringify(text2.slice(0, 64))} is not 32 hex digits`);
  return text2;
}
function chunkId(bytes) {
  if (bytes.length !== CHUNK_ID_BYTES)
    throw new SnapError("OBJECT_DAMAGED", `a chunk id has ${bytes.length} bytes, not 32`);
  return bytes;
}
var packId = (text2) => hexId(text2, "pack id");
var snapshotId = (text2) => hexId(text2, "snapshot id");
var indexId = (text2) => hexId(text2, "index id");
var repositoryId = (text2) => hexId(text2, "repository id");
var slotId = (text2) => hexId(text2, "slot id");
var listId = (text2) => hexId(text2, "list id");
var seriesId = (text2) => hexId(text2, "series id");

// src/keys/key-file.ts
var KEY_FILE_SECRET_BYTES = 32;
var FIRST_LINE = /^snapkeep key ([1-9][0-9]{0,8})$/;
var REPOSITORY_LINE = /^repository ([0-9a-f]{32})$/;
var SECRET_LINE = /^secret ([0-9a-f]{64})$/;
var HINT = "Give the file that `snap` wrote when the key was made.";
function decodeKeyFile(text2) {
  const [first = "", second = "", third = "", ...rest] = text2.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  const version = FIRST_LINE.exec(first)?.[1];
  if (version === void 0) throw new SnapError("KEY_WRONG", "this is not a key file", { hint: HINT });
  if (version !== "1") {
    throw new SnapError("REPOSITORY_TOO_NEW", `the key file has version ${version}; this program reads 1`, {
      hint: "Install a newer version of snap."
    });
  }
  const repository = REPOSITORY_LINE.exec(second)?.[1];
  const secret = SECRET_LINE.exec(third)?.[1];
  if (repository === void 0 || secret === void 0 || rest.length > 0) {
    throw new SnapError("KEY_WRONG", "the key file is damaged", { hint: HINT });
  }
  return { repositoryId: repositoryId(repository), secret: fromHex(secret) };
}

// src/repository/open-repository.ts
import { mkdirSync as mkdirSync2 } from "node:fs";
import { dirname as dirname3, join } from "node:path";

// src/chunker/params.ts
var CHUNK_AVERAGE_BYTES_MIN = 4096;
var CHUNK_AVERAGE_BYTES_MAX = 4 * 1024 * 1024;
function chunkerParams(average) {
  const power = Number.isInteger(Math.log2(average));
  if (!power || average < CHUNK_AVERAGE_BYTES_MIN || average > CHUNK_AVERAGE_BYTES_MAX) {
    throw new SnapError(
      "LIMIT_EXCEEDED",
      `chunks of ${average} bytes on average: a power of two from 4 KiB to 4 MiB is needed`
    );
  }
  return { min: average / 4, average, max: average * 4 };
}
var DEFAULT_PARAMS = chunkerParams(16 * 1024);
var MEDIA_PARAMS = chunkerParams(256 * 1024);

// src/crypto/sodium.ts
var loading;
function loadSodium() {
  loading ??= load();
  return loading;
}
async function load() {
  const { default: sodium } = await import("libsodium-wrappers-sumo");
  await sodium.ready;
  return sodium;
}

// src/crypto/box.ts
var BOX_KEY_BYTES = 32;
async function loadBox() {
  return boxOf(await loadSodium());
}
function boxOf(sodium) {
  const publicKey = (secretKey) => new Uint8Array(sodium.crypto_scalarmult_base(checkedKey(secretKey)));
  return {
    publicKey,
    generateKeys: (random) => {
      const secretKey = random.bytes(BOX_KEY_BYTES);
      return { secretKey, publicKey: publicKey(secretKey) };
    },
    seal: (key, message) => new Uint8Array(sodium.crypto_box_seal(message, checkedKey(key))),
    open: (key, secretKey, sealed) => {
      checkedKey(key);
      checkedKey(secretKey);
      try {
        return new Uint8Array(sodium.crypto_box_seal_open(sealed, key, secretKey));
      } catch (cause) {
        throw new SnapError("OBJECT_DAMAGED", "a sealed box does not open with this key", { cause });
      }
    }
  };
}
function checkedKey(key) {
  assert(key.length === BOX_KEY_BYTES, "an X25519 key has 32 bytes");
  return key;
}

// src/crypto/signature.ts
import { createPrivateKey, createPublicKey, sign as nodeSign, verify } from "node:crypto";
var SIGNING_SEED_BYTES = 32;
var SIGNING_PUBLIC_KEY_BYTES = 32;
var SIGNATURE_BYTES = 64;
var PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
var SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
function signaturePublicKey(seed) {
  const der = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-SIGNING_PUBLIC_KEY_BYTES));
}
function sign(seed, message) {
  return new Uint8Array(nodeSign(null, message, privateKey(seed)));
}
function verifySignature(publicKey, message, signature) {
  if (publicKey.length !== SIGNING_PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}
function privateKey(seed) {
  assert(seed.length === SIGNING_SEED_BYTES, "a signing seed has 32 bytes");
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}

// src/model/limits.ts
var FORMAT_VERSION = 1;
var CHUNK_BYTES_MAX = 1048576;
var SEGMENT_BYTES_MAX = 2097152;
var SEGMENT_SEALED_BYTES_MAX = SEGMENT_BYTES_MAX + 65536 + 1024;
var SEGMENT_BASES_MAX = 256;
var DICTIONARY_BYTES_MAX = 2097152;
var SEGMENT_DEPTH_MAX = 8;
var SEGMENT_CLOSURE_MAX = 1024;
var PACK_SEGMENTS_MAX = 65535;
var PACK_BYTES_MAX = 67108864;
var PACK_HEADER_BYTES = 160;
var PACK_TRAILER_BYTES = 32;
var INDEX_BYTES_MAX = 16777216;
var LOG_ENTRY_BYTES_MAX = 65536;
var LOG_PAYLOAD_INLINE_BYTES_MAX = 32768;
var LOG_LIST_BYTES_MAX = 67108864;
var CONTENT_INLINE_BYTES_MAX = 1048576;
var CONTENT_LEVELS_MAX = 4;
var TREE_BYTES_MAX = 1073741824;
var ENTRY_BYTES_MAX = 67108864;
var NAME_BYTES_MAX = 1024;
var LINK_TARGET_BYTES_MAX = 65535;
var XATTRS_MAX = 1024;
var XATTR_BYTES_MAX = 16777216;
var SLOTS_MAX = 256;
var PASSWORD_WORK_BYTES_MAX = 68719476736;
var AEAD_TAG_BYTES = 16;

// src/object/header.ts
var OBJECT_HEADER_BYTES = 32;
var OBJECT_TYPES = ["config", "slot", "pack", "index", "log", "list"];
var MAGIC = encodeText("snapkeep");
var RESERVED_BYTES = 5;
var KIND_NONE = 0;
var KIND_DATA = 1;
var KIND_TREE = 2;
function writeObjectHeader(header) {
  return new ByteWriter(OBJECT_HEADER_BYTES).raw(MAGIC).u8(FORMAT_VERSION).u8(OBJECT_TYPES.indexOf(header.type) + 1).u8(header.kind === void 0 ? KIND_NONE : header.kind === "data" ? KIND_DATA : KIND_TREE).zeros(RESERVED_BYTES).raw(fromHex(header.repository)).done();
}
function decodeObjectHeader(bytes, name) {
  const reader = new ByteReader(bytes, name);
  if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) reader.fail("not an object of this program");
  checkVersion(reader, name);
  const type = OBJECT_TYPES[reader.u8() - 1] ?? reader.fail("unknown object type");
  const kind = packKind(reader, type);
  reader.zeros(RESERVED_BYTES);
  return { type, kind, repository: repositoryId(toHex(reader.raw(ID_BYTES))) };
}
function readObjectHeader(bytes, expected) {
  const header = decodeObjectHeader(bytes, expected.name);
  if (header.type !== expected.type) {
    throw new SnapError("OBJECT_DAMAGED", `${expected.name} is a ${header.type}, not a ${expected.type}`);
  }
  if (header.repository !== expected.repository) {
    throw new SnapError(
      "OBJECT_DAMAGED",
      `${expected.name} belongs to another repository, ${header.repository}`
    );
  }
  return header;
}
function checkVersion(reader, name) {
  const version = reader.u8();
  if (version > FORMAT_VERSION) {
    throw new SnapError(
      "REPOSITORY_TOO_NEW",
      `${name} has format version ${version}; this program reads ${FORMAT_VERSION}`,
      {
        hint: "Install a newer version of snap."
      }
    );
  }
  if (version !== FORMAT_VERSION) reader.fail(`format version ${version} does not exist`);
}
function packKind(reader, type) {
  const kind = reader.u8();
  if (type !== "pack") return kind === KIND_NONE ? void 0 : reader.fail(`a ${type} has no kind`);
  if (kind === KIND_DATA) return "data";
  return kind === KIND_TREE ? "tree" : reader.fail(`unknown pack kind ${kind}`);
}

// src/object/object-keys.ts
var CONFIG_KEY = "config";
var LOG_PREFIX = "log/";
var SLOT_PREFIX = "slots/";
var PACK_PREFIX = "packs/";
var INDEX_PREFIX = "index/";
var LOG_DIGITS = 16;
var LOG_FORM = /^log\/([0-9]{16})$/;
var PACK_FORM = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{30})$/;
var SLOT_FORM = /^slots\/([0-9a-f]{32})$/;
function logKey(number) {
  assert(Number.isSafeInteger(number) && number >= 0, `a log number: ${number}`);
  return LOG_PREFIX + String(number).padStart(LOG_DIGITS, "0");
}
var packKey = (id) => `${PACK_PREFIX}${id.slice(0, 2)}/${id}`;
var indexKey = (id) => INDEX_PREFIX + id;
var slotKey = (id) => SLOT_PREFIX + id;
var listKey = (id) => `lists/${id}`;
function logNumberOf(key) {
  const number = Number(LOG_FORM.exec(key)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(number) ? number : void 0;
}
function packIdOf(key) {
  const id = PACK_FORM.exec(key)?.[2];
  return id === void 0 ? void 0 : packId(id);
}
function slotIdOf(key) {
  const id = SLOT_FORM.exec(key)?.[1];
  return id === void 0 ? void 0 : slotId(id);
}

// src/crypto/aead.ts
import { createCipheriv, createDecipheriv } from "node:crypto";

// src/crypto/blake3-engine.ts
import { createRequire } from "node:module";
var HASH_BYTES = 32;
var require2 = createRequire(import.meta.url);
function loadNativeEngine() {
  const { Blake3Hasher } = require2("@napi-rs/blake-hash");
  const scratch = Buffer.alloc(HASH_BYTES);
  const state2 = (hasher) => {
    const digestInto = (out, at) => {
      scratch.write(hasher.digest("hex"), "hex");
      out.set(scratch, at);
    };
    return {
      update: (data) => void hasher.update(data),
      digestInto,
      digest: () => digested(digestInto),
      reset: () => hasher.reset()
    };
  };
  return {
    name: "native",
    plain: () => state2(new Blake3Hasher()),
    keyed: (key) => state2(Blake3Hasher.newKeyed(Buffer.from(key))),
    derive: (context) => state2(Blake3Hasher.newDeriveKey(context))
  };
}
function loadPortableEngine() {
  const { blake3 } = require2("@noble/hashes/blake3.js");
  const state2 = (create) => {
    let hasher = create();
    const digestInto = (out, at) => out.set(hasher.digest(), at);
    return {
      update: (data) => void hasher.update(data),
      digestInto,
      digest: () => digested(digestInto),
      reset: () => {
        hasher = create();
      }
    };
  };
  return {
    name: "portable",
    plain: () => state2(() => blake3.create()),
    keyed: (key) => {
      const own = key.slice();
      return state2(() => blake3.create({ key: own }));
    },
    derive: (context) => state2(() => blake3.create({ context: new TextEncoder().encode(context) }))
  };
}
var chosen;
function blake3Engine() {
  chosen ??= chooseEngine();
  return chosen;
}
function chooseEngine() {
  try {
    return loadNativeEngine();
  } catch {
    return loadPortableEngine();
  }
}
function digested(digestInto) {
  const out = new Uint8Array(HASH_BYTES);
  digestInto(out, 0);
  return out;
}

// src/crypto/blake3.ts
var HASH_BYTES2 = 32;
var HASH_KEY_BYTES = 32;
function hash(...parts) {
  return finish(blake3Engine().plain(), parts);
}
function keyedHash(key, ...parts) {
  return finish(blake3Engine().keyed(checkedKey2(key)), parts);
}
function deriveKey(context, ...material) {
  return finish(blake3Engine().derive(context), material);
}
function createChunkHasher(key) {
  const state2 = blake3Engine().keyed(checkedKey2(key));
  return {
    hashInto: (data, out, at) => {
      state2.reset();
      state2.update(data);
      state2.digestInto(out, at);
    }
  };
}
function checkedKey2(key) {
  assert(key.length === HASH_KEY_BYTES, "a BLAKE3 key has 32 bytes");
  return key;
}
function finish(state2, parts) {
  for (const part of parts) state2.update(part);
  return state2.digest();
}

// src/crypto/aead.ts
var SEAL_KEY_BYTES = 32;
var SEAL_TAG_BYTES = 16;
var OBJECT_SEAL_BYTES = 48;
var SEALED_MESSAGES_MAX = 2 ** 32 - 1;
var ALGORITHM = "chacha20-poly1305";
var STEP_BYTES = 65536;
var NONCE_BYTES = 12;
var SALT_BYTES = 32;
var ZERO_NONCE = new Uint8Array(NONCE_BYTES);
var OBJECT_LABEL = new TextEncoder().encode("object");
function openSegment(key, number, aad, sealed, into) {
  return decrypt(key, messageNonce(number), aad, sealed, into);
}
function sealObject(key, aad, plaintext, random) {
  const salt = random.bytes(SALT_BYTES);
  const sealed = new Uint8Array(plaintext.length + OBJECT_SEAL_BYTES);
  sealed.set(salt);
  encrypt(objectKey(key, salt), ZERO_NONCE, aad, [plaintext], sealed, SALT_BYTES);
  return sealed;
}
function openObject(key, aad, sealed) {
  if (sealed.length < OBJECT_SEAL_BYTES) throw damaged();
  return decrypt(objectKey(key, sealed.subarray(0, SALT_BYTES)), ZERO_NONCE, aad, sealed.subarray(SALT_BYTES));
}
function objectKey(key, salt) {
  return keyedHash(key, salt, OBJECT_LABEL);
}
function messageNonce(number) {
  assert(Number.isInteger(number) && number >= 0 && number < SEALED_MESSAGES_MAX, "a message number is a u32");
  const nonce = new Uint8Array(NONCE_BYTES);
  new DataView(nonce.buffer).setUint32(0, number, true);
  return nonce;
}
function encrypt(key, nonce, aad, parts, into, at) {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0) + SEAL_TAG_BYTES;
  assert(at >= 0 && at + bytes <= into.length, "a sealed message fits where it is written");
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: SEAL_TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: bytes - SEAL_TAG_BYTES });
  let end = at;
  for (const part of parts) {
    for (let from = 0; from < part.length; from += STEP_BYTES) {
      const step = cipher.update(part.subarray(from, from + STEP_BYTES));
      into.set(step, end);
      end += step.length;
    }
  }
  cipher.final();
  into.set(cipher.getAuthTag(), end);
  return bytes;
}
function decrypt(key, nonce, aad, sealed, into) {
  assert(key.length === SEAL_KEY_BYTES, "a seal key has 32 bytes");
  if (sealed.length < SEAL_TAG_BYTES) throw damaged();
  const bytes = sealed.length - SEAL_TAG_BYTES;
  const plaintext = into === void 0 ? new Uint8Array(bytes) : into.subarray(0, bytes);
  assert(plaintext.length === bytes, "an opened message fits where it is written");
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: SEAL_TAG_BYTES });
  decipher.setAAD(aad, { plaintextLength: bytes });
  decipher.setAuthTag(sealed.subarray(bytes));
  for (let from = 0; from < bytes; from += STEP_BYTES) {
    plaintext.set(decipher.update(sealed.subarray(from, Math.min(from + STEP_BYTES, bytes))), from);
  }
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw damaged();
  }
  return plaintext;
}
function damaged() {
  return new SnapError("OBJECT_DAMAGED", "a sealed object does not authenticate");
}

// src/object/padme.ts
var PADME_BYTES_MIN = 256;
function padmeBytes(length) {
  assert(Number.isInteger(length) && length >= 0 && length < 2 ** 31, `a length to pad: ${length}`);
  if (length <= PADME_BYTES_MIN) return PADME_BYTES_MIN;
  const exponent = floorLog2(length);
  const unit = 2 ** (exponent - floorLog2(exponent) - 1);
  return Math.ceil(length / unit) * unit;
}
function floorLog2(value) {
  return 31 - Math.clz32(value);
}

// src/object/sealed-object.ts
var LENGTH_BYTES = 4;
function sealedBytesMax(bodyBytesMax, contextBytes = 0) {
  return OBJECT_HEADER_BYTES + contextBytes + OBJECT_SEAL_BYTES + padmeBytes(LENGTH_BYTES + bodyBytesMax);
}
function sealNamed(object2) {
  const { repositoryId: repository, type, key, secret, body } = object2;
  const context = object2.context ?? new Uint8Array(0);
  const header = writeObjectHeader({ type, repository });
  const framed = LENGTH_BYTES + body.length;
  const size = Math.max(object2.minimum ?? 0, padmeBytes(framed));
  const frame = new ByteWriter(size).u32(body.length).raw(body).zeros(size - framed);
  const sealed = sealObject(secret, aadOf(header, key, context), frame.view(), object2.random);
  return new ByteWriter(header.length + context.length + sealed.length).raw(header).raw(context).raw(sealed).done();
}
function openNamed(object2) {
  const { repositoryId: repository, type, key, bytes, bodyBytesMax } = object2;
  readObjectHeader(bytes, { type, repository, name: key });
  const sealedAt = OBJECT_HEADER_BYTES + (object2.contextBytes ?? 0);
  if (bytes.length < sealedAt + OBJECT_SEAL_BYTES)
    throw new SnapError("OBJECT_DAMAGED", `${key} is cut short`);
  if (bytes.length > sealedBytesMax(bodyBytesMax, object2.contextBytes)) {
    throw new SnapError("LIMIT_EXCEEDED", `${key} has ${bytes.length} bytes; a body may have ${bodyBytesMax}`);
  }
  const aad = aadOf(
    bytes.subarray(0, OBJECT_HEADER_BYTES),
    key,
    bytes.subarray(OBJECT_HEADER_BYTES, sealedAt)
  );
  const frame = new ByteReader(open(object2.secret, aad, bytes.subarray(sealedAt), key), key);
  const length = frame.u32();
  if (length > bodyBytesMax) {
    throw new SnapError("LIMIT_EXCEEDED", `${key}: a body of ${length} bytes; ${bodyBytesMax} are allowed`);
  }
  const body = frame.raw(length);
  frame.zeros(frame.left);
  return body;
}
function open(secret, aad, sealed, key) {
  try {
    return openObject(secret, aad, sealed);
  } catch (cause) {
    if (!hasCode(cause, "OBJECT_DAMAGED")) throw cause;
    throw new SnapError("OBJECT_DAMAGED", `${key} does not authenticate`, { cause });
  }
}
function aadOf(header, key, context) {
  assert(header.length === OBJECT_HEADER_BYTES, "a whole object header");
  return new ByteWriter(header.length + key.length + context.length).raw(header).raw(encodeText(key)).raw(context).view();
}

// src/keys/hierarchy.ts
var KEY_BYTES = 32;
var ROLES = ["admin", "reader", "writer"];
function deriveSharedKeys(master) {
  return {
    idKey: deriveKey("snapkeep v1 chunk id", master),
    gearSecret: deriveKey("snapkeep v1 gear table", master),
    indexKey: deriveKey("snapkeep v1 index objects and pack footers", master),
    logKey: deriveKey("snapkeep v1 log entries and lists", master),
    configKey: deriveKey("snapkeep v1 config", master)
  };
}

// src/keys/config.ts
var CHUNK_SIZE_BYTES_MIN = 1024;
var PACK_TARGET_BYTES_MAX = PACK_BYTES_MAX / 2;
var CONFIG_BYTES_MAX = 4096;
var CONFIG_OBJECT_BYTES_MAX = sealedBytesMax(CONFIG_BYTES_MAX);
function decodeConfig(body) {
  const reader = new ByteReader(body, CONFIG_KEY);
  const config = {
    chunks: readSizes(reader),
    incompressibleChunks: readSizes(reader),
    segmentBytesTarget: reader.u32(),
    packBytesTarget: reader.u32(),
    contentPublic: reader.raw(KEY_BYTES),
    firstAdmin: reader.raw(KEY_BYTES),
    createdMs: reader.i64()
  };
  reader.end();
  checkConfig(config);
  return config;
}
function openConfig(bytes, repositoryId2, configKey) {
  const place = { repositoryId: repositoryId2, type: "config", key: CONFIG_KEY };
  return decodeConfig(openNamed({ ...place, secret: configKey, bytes, bodyBytesMax: CONFIG_BYTES_MAX }));
}
function repositoryIdOfConfig(bytes) {
  const header = decodeObjectHeader(bytes, CONFIG_KEY);
  if (header.type !== "config") throw new SnapError("OBJECT_DAMAGED", `config is a ${header.type}`);
  return header.repository;
}
function readSizes(reader) {
  return { min: reader.u32(), average: reader.u32(), max: reader.u32() };
}
function checkConfig(config) {
  checkChunkSizes(config.chunks);
  checkChunkSizes(config.incompressibleChunks);
  checkWithin("the segment target", config.segmentBytesTarget, CHUNK_SIZE_BYTES_MIN, SEGMENT_BYTES_MAX);
  checkWithin("the pack target", config.packBytesTarget, config.segmentBytesTarget, PACK_TARGET_BYTES_MAX);
}
function checkChunkSizes({ min, average, max }) {
  checkWithin("the smallest chunk", min, CHUNK_SIZE_BYTES_MIN, average / 2);
  checkWithin("the average chunk", average, min, CHUNK_BYTES_MAX);
  checkWithin("the greatest chunk", max, average, CHUNK_BYTES_MAX);
  if (!Number.isInteger(Math.log2(average))) {
    throw new SnapError(
      "LIMIT_EXCEEDED",
      `the average chunk has ${average} bytes, which is not a power of two`
    );
  }
}
function checkWithin(what, bytes, min, max) {
  if (Number.isInteger(bytes) && bytes >= min && bytes <= max) return;
  throw new SnapError("LIMIT_EXCEEDED", `${what} has ${bytes} bytes; ${min} to ${max} are allowed`);
}

// src/keys/password-work.ts
var PasswordWork = class {
  #bytes = 0;
  /** Takes the slot's work (passes times memory) from what is left; `false`, and nothing is taken, where that is less. A key file costs nothing. */
  take(head) {
    if (head.kind !== "password") return true;
    const bytes = head.cost.passes * head.cost.memoryBytes;
    if (this.#bytes + bytes > PASSWORD_WORK_BYTES_MAX) return false;
    this.#bytes += bytes;
    return true;
  }
};

// src/crypto/password.ts
var MIB = 1024 * 1024;
var PASSWORD_PASSES_MIN = 1;
var PASSWORD_PASSES_MAX = 16;
var PASSWORD_MEMORY_BYTES_MIN = 8 * MIB;
var PASSWORD_MEMORY_BYTES_MAX = 512 * MIB;
var PASSWORD_SALT_BYTES = 16;
var PASSWORD_KEY_BYTES = 32;
var PASSWORD_COST_DEFAULT = { passes: 3, memoryBytes: 64 * MIB };
async function derivePasswordKey(password, salt, cost) {
  checkLimit("passes", cost.passes, PASSWORD_PASSES_MIN, PASSWORD_PASSES_MAX);
  checkLimit("bytes of memory", cost.memoryBytes, PASSWORD_MEMORY_BYTES_MIN, PASSWORD_MEMORY_BYTES_MAX);
  assert(salt.length === PASSWORD_SALT_BYTES, "a password salt has 16 bytes");
  const sodium = await loadSodium();
  const { passes, memoryBytes } = cost;
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13;
  return new Uint8Array(
    sodium.crypto_pwhash(PASSWORD_KEY_BYTES, password, salt, passes, memoryBytes, algorithm)
  );
}
function checkLimit(what, value, min, max) {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new SnapError(
    "LIMIT_EXCEEDED",
    `a password slot asks for ${value} ${what}; ${min} to ${max} are allowed`
  );
}

// src/keys/slot-body.ts
var TAG_ROLE = 1;
var TAG_NAME = 2;
var TAG_CREATED = 3;
var TAG_MASTER = 16;
var SHARED_TAGS = { idKey: 17, gearSecret: 18, indexKey: 19, logKey: 20, configKey: 21 };
var TAG_CONTENT_SECRET = 32;
var TAG_CONTENT_PUBLIC = 33;
var TAG_SIGNING_SEED = 48;
var TAGS_KNOWN = /* @__PURE__ */ new Set([
  TAG_ROLE,
  TAG_NAME,
  TAG_CREATED,
  TAG_MASTER,
  ...Object.values(SHARED_TAGS),
  TAG_CONTENT_SECRET,
  TAG_CONTENT_PUBLIC,
  TAG_SIGNING_SEED
]);
function decodeSlotBody(body, name) {
  const fields = new SlotFields(readFields(body, name), name);
  const role = ROLES[(fields.take(TAG_ROLE, 1)[0] ?? 0) - 1];
  if (role === void 0) throw new SnapError("OBJECT_DAMAGED", `${name}: unknown role`);
  const contents = {
    name: decodeText(fields.take(TAG_NAME), `the name of ${name}`),
    createdMs: new ByteReader(fields.take(TAG_CREATED, 8), name).i64(),
    keys: takeKeys(fields, role)
  };
  return { ...contents, unknown: fields.unknown() };
}
function takeKeys(fields, role) {
  const contentPublic = fields.take(TAG_CONTENT_PUBLIC, KEY_BYTES);
  const signingSeed = fields.take(TAG_SIGNING_SEED, KEY_BYTES);
  if (role === "admin") {
    const master = fields.take(TAG_MASTER, KEY_BYTES);
    const contentSecret = fields.take(TAG_CONTENT_SECRET, KEY_BYTES);
    return { role, master, ...deriveSharedKeys(master), contentPublic, contentSecret, signingSeed };
  }
  const held = {
    idKey: fields.take(SHARED_TAGS.idKey, KEY_BYTES),
    gearSecret: fields.take(SHARED_TAGS.gearSecret, KEY_BYTES),
    indexKey: fields.take(SHARED_TAGS.indexKey, KEY_BYTES),
    logKey: fields.take(SHARED_TAGS.logKey, KEY_BYTES),
    configKey: fields.take(SHARED_TAGS.configKey, KEY_BYTES),
    contentPublic,
    signingSeed
  };
  if (role === "writer") return { role, ...held };
  return { role, ...held, contentSecret: fields.take(TAG_CONTENT_SECRET, KEY_BYTES) };
}
function readFields(body, name) {
  const reader = new ByteReader(body, name);
  const fields = /* @__PURE__ */ new Map();
  let last = -1;
  while (reader.left > 0) {
    const tag2 = reader.u8();
    if (tag2 <= last) reader.fail(`field ${tag2} stands behind field ${last}`);
    fields.set(tag2, reader.raw(reader.u16()));
    last = tag2;
  }
  return fields;
}
var SlotFields = class {
  #left;
  #name;
  constructor(fields, name) {
    this.#left = fields;
    this.#name = name;
  }
  take(tag2, bytes) {
    const value = this.#left.get(tag2);
    if (value === void 0) throw new SnapError("OBJECT_DAMAGED", `${this.#name}: field ${tag2} is absent`);
    if (bytes !== void 0 && value.length !== bytes) {
      throw new SnapError(
        "OBJECT_DAMAGED",
        `${this.#name}: field ${tag2} has ${value.length} bytes, not ${bytes}`
      );
    }
    this.#left.delete(tag2);
    return value;
  }
  unknown() {
    return [...this.#left].map(([tag2, bytes]) => {
      if (TAGS_KNOWN.has(tag2))
        throw new SnapError("OBJECT_DAMAGED", `${this.#name}: its role has no field ${tag2}`);
      return { tag: tag2, bytes };
    });
  }
};

// src/keys/slot.ts
var DERIVATION_PASSWORD = 1;
var DERIVATION_KEY_FILE = 2;
var RESERVED_BYTES2 = 3;
var COMMITMENT_AT = 76;
var BODY_AT = 108;
var CONTEXT_BYTES = BODY_AT - OBJECT_HEADER_BYTES;
var SLOT_BODY_BYTES_MAX = 65536;
var SLOT_OBJECT_BYTES_MAX = sealedBytesMax(SLOT_BODY_BYTES_MAX, CONTEXT_BYTES);
var KIB = 1024;
var SLOT_CONTEXT = "snapkeep v1 slot";
var COMMITMENT_LABEL = encodeText("commitment");
async function openSlot(bytes, repositoryId2, id, secret) {
  const head = readSlotHead(bytes, repositoryId2, id);
  if (head.kind !== secret.kind) throw keyWrong(head);
  const key = await deriveSlotKey(head, repositoryId2, secret);
  if (!constantTimeEqual(commitment(key, bytes), bytes.subarray(COMMITMENT_AT, BODY_AT))) throw keyWrong(head);
  const place = { repositoryId: repositoryId2, type: "slot", key: slotKey(id) };
  const body = openNamed({
    ...place,
    secret: key,
    contextBytes: CONTEXT_BYTES,
    bytes,
    bodyBytesMax: SLOT_BODY_BYTES_MAX
  });
  return decodeSlotBody(body, place.key);
}
function readSlotHead(bytes, repositoryId2, id) {
  const name = slotKey(id);
  readObjectHeader(bytes, { type: "slot", repository: repositoryId2, name });
  if (bytes.length < BODY_AT) throw new SnapError("OBJECT_DAMAGED", `${name} is cut short`);
  const reader = new ByteReader(bytes, name, OBJECT_HEADER_BYTES);
  const own = toHex(reader.raw(ID_BYTES));
  if (own !== id) reader.fail(`holds another slot, ${own}`);
  const derivation = reader.u8();
  reader.zeros(RESERVED_BYTES2);
  const cost = { passes: reader.u32(), memoryBytes: reader.u32() * KIB };
  const salt = reader.raw(PASSWORD_SALT_BYTES);
  if (derivation === DERIVATION_PASSWORD) {
    checkCost(cost, name);
    return { id, salt, kind: "password", cost };
  }
  if (derivation !== DERIVATION_KEY_FILE) reader.fail(`unknown key derivation ${derivation}`);
  if (cost.passes !== 0 || cost.memoryBytes !== 0) reader.fail("a key file has no cost");
  return { id, salt, kind: "key file" };
}
function checkCost({ passes, memoryBytes }, name) {
  const allowed = Number.isInteger(passes) && passes >= PASSWORD_PASSES_MIN && passes <= PASSWORD_PASSES_MAX && Number.isInteger(memoryBytes / KIB) && memoryBytes >= PASSWORD_MEMORY_BYTES_MIN && memoryBytes <= PASSWORD_MEMORY_BYTES_MAX;
  if (allowed) return;
  throw new SnapError(
    "LIMIT_EXCEEDED",
    `${name} asks for ${passes} passes over ${memoryBytes} bytes of memory`
  );
}
async function deriveSlotKey(head, repository, given) {
  const secret = await slotSecretBytes(head, given);
  return deriveKey(SLOT_CONTEXT, secret, head.salt, fromHex(repository));
}
function slotSecretBytes(head, given) {
  if (given.kind === "password") {
    assert(head.kind === "password", "a password opens a password slot");
    return derivePasswordKey(given.password, head.salt, head.cost);
  }
  assert(given.secret.length === KEY_FILE_SECRET_BYTES, "the secret of a key file has 32 bytes");
  return given.secret;
}
function commitment(slotKeyBytes, slot) {
  return keyedHash(slotKeyBytes, COMMITMENT_LABEL, slot.subarray(0, COMMITMENT_AT));
}
function keyWrong(head) {
  return new SnapError("KEY_WRONG", `slot ${head.id} (${head.kind}) does not open with this secret`, {
    hint: "Check the password or the key file."
  });
}

// src/manifest/open-manifest.ts
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync } from "node:fs";
import { dirname as dirname2 } from "node:path";

// src/manifest/connection.ts
import { existsSync } from "node:fs";
import Sqlite from "better-sqlite3";

// src/manifest/kept-alive.ts
var KEPT = /* @__PURE__ */ Symbol.for("snapkeep.manifest.kept");
var thread = globalThis;
function kept(value) {
  thread[KEPT] ??= [];
  thread[KEPT].push(value);
  return value;
}

// src/manifest/manifest-error.ts
import { dirname } from "node:path";
var REBUILD_HINT = "Run `snap manifest rebuild`: everything in the manifest can be had again from the repository.";
function hintFor(code, path) {
  const directory = dirname(path);
  switch (/^(SQLITE_[A-Z]+)/.exec(code)?.[1]) {
    case "SQLITE_FULL":
      return `Free space on the disk that holds ${directory}, or name a directory elsewhere with --cache-dir.`;
    case "SQLITE_IOERR":
      return `Check the disk that holds ${directory}, and whether it is full; then run \`snap manifest rebuild\`.`;
    case "SQLITE_BUSY":
    case "SQLITE_LOCKED":
      return "Another process is writing to the manifest: try again when it has finished.";
    case "SQLITE_CANTOPEN":
    case "SQLITE_READONLY":
    case "SQLITE_PERM":
      return `Check that you may write to ${directory}, or name another directory with --cache-dir.`;
    case "SQLITE_CORRUPT":
    case "SQLITE_NOTADB":
    case "SQLITE_FORMAT":
    case "SQLITE_ERROR":
    // a table or column that the schema version promises is not there
    case "SQLITE_SCHEMA":
    case "SQLITE_TOOBIG":
      return REBUILD_HINT;
    default:
      return void 0;
  }
}
function manifestError(error, path) {
  if (!(error instanceof Error) || error instanceof SnapError) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const hint = hintFor(code, path);
  if (hint === void 0) return error;
  return new SnapError("MANIFEST_FAILED", `the manifest ${path}: ${error.message} (${code})`, {
    hint,
    cause: error
  });
}
function manifestDamaged(path, why, cause) {
  return new SnapError("MANIFEST_FAILED", `the manifest ${path} ${why}`, { hint: REBUILD_HINT, cause });
}

// src/manifest/connection.ts
var BUSY_TIMEOUT_MS = 3e4;
var Statement = class {
  #statement;
  #path;
  constructor(statement, path) {
    this.#statement = statement;
    this.#path = path;
  }
  one(...values) {
    try {
      return this.#statement.get(...values);
    } catch (error) {
      throw manifestError(error, this.#path);
    }
  }
  all(...values) {
    try {
      return this.#statement.all(...values);
    } catch (error) {
      throw manifestError(error, this.#path);
    }
  }
  /** Returns how many rows changed. */
  run(...values) {
    try {
      return this.#statement.run(...values).changes;
    } catch (error) {
      throw manifestError(error, this.#path);
    }
  }
  /** Runs an INSERT into a table with an integer primary key and returns the new row's. */
  insert(...values) {
    try {
      return Number(this.#statement.run(...values).lastInsertRowid);
    } catch (error) {
      throw manifestError(error, this.#path);
    }
  }
};
var Connection = class {
  path;
  #database;
  /** `MANIFEST_FAILED` where the file does not exist. Nothing is read or written yet. */
  constructor(path, readOnly) {
    this.path = path;
    if (!existsSync(path)) throw manifestDamaged(path, "does not exist");
    try {
      this.#database = kept(
        new Sqlite(path, { readonly: readOnly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
      );
    } catch (error) {
      throw manifestError(error, path);
    }
  }
  prepare(sql) {
    return new Statement(
      this.#guard(() => kept(this.#database.prepare(sql))),
      this.path
    );
  }
  /** Rows are the value of the first column alone. */
  prepareValue(sql) {
    return new Statement(
      this.#guard(() => kept(this.#database.prepare(sql).pluck())),
      this.path
    );
  }
  exec(sql) {
    this.#guard(() => this.#database.exec(sql));
  }
  /** Reads (`user_version`) or sets (`user_version = 1`) a pragma; returns its first value. */
  pragma(text2) {
    return this.#guard(() => {
      const statement = kept(this.#database.prepare(`PRAGMA ${text2}`));
      return statement.reader ? statement.pluck().get() : void statement.run();
    });
  }
  /**
   * Runs `work` in an IMMEDIATE transaction: everything that it wrote, or nothing where it throws. Inside another
   * transaction it is a savepoint of that one. `work` must be synchronous.
   */
  transaction(work) {
    return this.#guard(() => this.#database.transaction(work).immediate());
  }
  /** Parses a JSON column. */
  json(text2) {
    try {
      return JSON.parse(text2);
    } catch (cause) {
      throw manifestDamaged(this.path, "holds text that is not JSON", cause);
    }
  }
  /** Closing twice is fine. */
  [Symbol.dispose]() {
    this.#guard(() => this.#database.close());
  }
  #guard(work) {
    try {
      return work();
    } catch (error) {
      throw manifestError(error, this.path);
    }
  }
};

// src/manifest/chunk-finder.ts
import { getRandomValues } from "node:crypto";

// src/manifest/chunks-table.ts
var CHUNK_KEY_BYTES = 16;
var PACK_CHUNKS_MAX = 1048576;
var USABLE_MAX = 1;
var ChunksTable = class {
  #knows;
  #locate;
  #doubled;
  #insert;
  #remove;
  /** Bound and copied by SQLite within the call, so one serves all. */
  #key = new Uint8Array(CHUNK_KEY_BYTES);
  constructor(connection) {
    this.#knows = connection.prepareValue(
      `SELECT 1 FROM chunks c CROSS JOIN packs p ON p.no = c.pack WHERE c.key = ? AND p.trusted = 1 AND p.state <= ${USABLE_MAX} LIMIT 1`
    );
    this.#locate = connection.prepare(
      `SELECT c.pack, lower(hex(p.id)) AS id, c.segment, c.offset, c.bytes, s.depth, p.trusted, p.state
       FROM chunks c CROSS JOIN packs p ON p.no = c.pack
         CROSS JOIN segments s ON s.pack = c.pack AND s.number = c.segment
       WHERE c.key = ?`
    );
    this.#doubled = connection.prepareValue("SELECT key FROM chunks GROUP BY key HAVING count(*) > 1 LIMIT ?");
    this.#insert = connection.prepare(
      "INSERT INTO chunks (key, pack, segment, offset, bytes) VALUES (?, ?, ?, ?, ?)"
    );
    this.#remove = connection.prepare("DELETE FROM chunks WHERE key = ? AND pack = ?");
  }
  /** True where a trusted pack that is live or pending holds the chunk: deduplicating against it is safe. */
  knows(id) {
    return this.#knows.one(this.#keyAt(id, 0)) !== void 0;
  }
  /** The best place among trusted packs, live before pending. */
  locate(id) {
    let best;
    for (const row of this.#locate.all(this.#keyAt(id, 0))) {
      if (row.trusted === 1 && row.state <= USABLE_MAX && (best === void 0 || byWorth(row, best) < 0))
        best = row;
    }
    return best === void 0 ? void 0 : locationOf(best);
  }
  /** Every place, best first, untrusted packs last, and quarantined ones after them: for reading, where the hash decides. */
  locations(id) {
    return this.#locate.all(this.#keyAt(id, 0)).sort(byWorth).map(locationOf);
  }
  /** The places of up to `limit` chunks that have several. Reads the whole table once. */
  duplicates(limit) {
    return this.#doubled.all(limit).map((key) => this.#locate.all(key).map(locationOf));
  }
  /** In the order of keys, which touches each page of the tree once. */
  insert(pack, chunks) {
    const { ids, lengths, segments, offsets } = chunks;
    for (const ordinal of keyOrder(ids)) {
      const key = this.#keyAt(ids, ordinal * CHUNK_ID_BYTES);
      this.#insert.run(key, pack, segments[ordinal] ?? 0, offsets[ordinal] ?? 0, lengths[ordinal] ?? 0);
    }
  }
  remove(pack, ids) {
    for (const ordinal of keyOrder(ids)) this.#remove.run(this.#keyAt(ids, ordinal * CHUNK_ID_BYTES), pack);
  }
  #keyAt(ids, at) {
    assert(at + CHUNK_ID_BYTES <= ids.length, "a chunk id has 32 bytes");
    const key = this.#key;
    for (let index = 0; index < CHUNK_KEY_BYTES; index++) key[index] = ids[at + index] ?? 0;
    return key;
  }
};
function byWorth(left, right) {
  return Number(left.state > USABLE_MAX) - Number(right.state > USABLE_MAX) || right.trusted - left.trusted || right.state - left.state || left.depth - right.depth || left.pack - right.pack || left.segment - right.segment || left.offset - right.offset;
}
function locationOf(row) {
  return {
    pack: row.pack,
    packId: packId(row.id),
    segment: row.segment,
    offset: row.offset,
    bytes: row.bytes,
    depth: row.depth,
    trusted: row.trusted === 1
  };
}
function keyOrder(ids) {
  const count = ids.length / CHUNK_ID_BYTES;
  assert(Number.isInteger(count) && count <= PACK_CHUNKS_MAX, `${count} chunks in one pack`);
  const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength);
  const keys = new Float64Array(count);
  for (let ordinal = 0; ordinal < count; ordinal++) {
    keys[ordinal] = view.getUint32(ordinal * CHUNK_ID_BYTES) * PACK_CHUNKS_MAX + ordinal;
  }
  keys.sort();
  return Uint32Array.from(keys, (key) => key % PACK_CHUNKS_MAX);
}

// src/manifest/chunk-finder.ts
var LISTINGS_MAX = 24;
var FACTORS = getRandomValues(new Int32Array(CHUNK_ID_BYTES / 4)).map((factor) => factor | 1);
var ChunkFinder = class {
  #packsWith;
  #table;
  #packs;
  #key = new Uint8Array(CHUNK_KEY_BYTES);
  /** The one used last stands first. */
  #listings = [];
  /** `usable`: chunks in other packs are not found. */
  constructor(connection, table, usable) {
    this.#table = table;
    this.#packs = new Map(usable.map((pack) => [pack.no, pack.id]));
    this.#packsWith = connection.prepareValue("SELECT pack FROM chunks WHERE key = ?");
  }
  /** `undefined` where no usable pack holds the chunk. Any of several places. */
  find(id) {
    assert(id.length === CHUNK_ID_BYTES, "a chunk id has 32 bytes");
    const hash2 = hashOf(id);
    for (let index = 0; index < this.#listings.length; index++) {
      const listing = this.#listings[index];
      const place = listing.find(id, hash2);
      if (place === void 0) continue;
      if (index > 0) {
        this.#listings.splice(index, 1);
        this.#listings.unshift(listing);
      }
      return place;
    }
    return this.#load(id)?.find(id, hash2);
  }
  #load(id) {
    this.#key.set(id.subarray(0, CHUNK_KEY_BYTES));
    for (const pack of this.#packsWith.all(this.#key)) {
      const packId2 = this.#packs.get(pack);
      if (packId2 === void 0) continue;
      const listing = new Listing(pack, packId2, this.#table.tableOf(pack));
      this.#listings.unshift(listing);
      if (this.#listings.length > LISTINGS_MAX) this.#listings.pop();
      return listing;
    }
    return void 0;
  }
};
var Listing = class {
  #pack;
  #packId;
  #rows;
  #mask;
  #ids;
  #segments;
  #offsets;
  #lengths;
  constructor(pack, packId2, segments) {
    this.#pack = pack;
    this.#packId = packId2;
    const count = segments.reduce((sum, segment) => sum + segment.chunkLengths.length, 0);
    this.#mask = 2 ** Math.ceil(Math.log2(count * 2 + 2)) - 1;
    this.#rows = new Int32Array(this.#mask + 1);
    this.#ids = new Uint8Array(count * CHUNK_ID_BYTES);
    this.#segments = new Uint32Array(count);
    this.#offsets = new Uint32Array(count);
    this.#lengths = new Uint32Array(count);
    let ordinal = 0;
    segments.forEach((segment, number) => {
      this.#ids.set(segment.chunkIds, ordinal * CHUNK_ID_BYTES);
      let offset = 0;
      for (const length of segment.chunkLengths) {
        this.#segments[ordinal] = number;
        this.#offsets[ordinal] = offset;
        this.#lengths[ordinal] = length;
        offset += length;
        this.#place(ordinal);
        ordinal += 1;
      }
    });
  }
  #place(ordinal) {
    const id = this.#ids.subarray(ordinal * CHUNK_ID_BYTES, (ordinal + 1) * CHUNK_ID_BYTES);
    let row = hashOf(id) & this.#mask;
    for (; this.#rows[row] !== 0; row = row + 1 & this.#mask) {
      if (this.#is((this.#rows[row] ?? 0) - 1, id)) return;
    }
    this.#rows[row] = ordinal + 1;
  }
  find(id, hash2) {
    let row = hash2 & this.#mask;
    for (; ; ) {
      const ordinal = (this.#rows[row] ?? 0) - 1;
      if (ordinal < 0) return void 0;
      if (this.#is(ordinal, id)) {
        return {
          pack: this.#pack,
          packId: this.#packId,
          ordinal,
          segment: this.#segments[ordinal] ?? 0,
          offset: this.#offsets[ordinal] ?? 0,
          bytes: this.#lengths[ordinal] ?? 0
        };
      }
      row = row + 1 & this.#mask;
    }
  }
  #is(ordinal, id) {
    const at = ordinal * CHUNK_ID_BYTES;
    for (let byte = 0; byte < CHUNK_ID_BYTES; byte++) if (this.#ids[at + byte] !== id[byte]) return false;
    return true;
  }
};
function hashOf(id) {
  let sum = 0;
  for (let word = 0; word < FACTORS.length; word++) {
    const at = word * 4;
    const value = (id[at] ?? 0) | (id[at + 1] ?? 0) << 8 | (id[at + 2] ?? 0) << 16 | (id[at + 3] ?? 0) << 24;
    sum = sum + Math.imul(value, FACTORS[word] ?? 1) | 0;
  }
  return sum ^ sum >>> 15;
}

// src/manifest/compact.ts
function compact(connection) {
  connection.pragma("temp_store = FILE");
  try {
    connection.exec("VACUUM");
  } finally {
    connection.pragma("temp_store = MEMORY");
  }
  return connection.pragma("wal_checkpoint(TRUNCATE)") === 0;
}

// src/manifest/entries-table.ts
var COLUMNS = "name, type, size, mtime_sec AS mtimeSec, mtime_nsec AS mtimeNsec, mode, uid, gid, content, child";
var EntriesTable = class {
  #insert;
  #wait;
  #waiting;
  #waitingCount;
  #done;
  #hasRows;
  #of;
  #parents;
  #lastTree;
  #matching;
  constructor(connection) {
    this.#insert = connection.prepare(
      `INSERT OR IGNORE INTO entries (tree, name, type, size, mtime_sec, mtime_nsec, mode, uid, gid, content, child)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    );
    this.#wait = connection.prepare("INSERT OR IGNORE INTO entry_trees (tree, content) VALUES (?, ?)");
    this.#waiting = connection.prepare(
      "SELECT tree, content FROM entry_trees WHERE content IS NOT NULL ORDER BY tree DESC LIMIT ?"
    );
    this.#waitingCount = connection.prepareValue("SELECT count(*) FROM entry_trees WHERE content IS NOT NULL");
    this.#done = connection.prepare("UPDATE entry_trees SET content = NULL WHERE tree = ?");
    this.#hasRows = connection.prepareValue("SELECT content IS NULL FROM entry_trees WHERE tree = ?");
    this.#of = connection.prepare(`SELECT ${COLUMNS} FROM entries WHERE tree = ? ORDER BY name`);
    this.#parents = connection.prepare("SELECT tree, name FROM entries WHERE child = ? LIMIT ?");
    this.#lastTree = connection.prepareValue("SELECT max(tree) FROM entries");
    this.#matching = connection.prepare(
      `SELECT tree, ${COLUMNS} FROM entries WHERE (tree, name) > (?, ?) AND tree <= ?
         AND (? IS NULL OR instr(name, ?) > 0) AND (? IS NULL OR type = ?)
         AND (mtime_sec, mtime_nsec) >= (?, ?) AND (mtime_sec, mtime_nsec) <= (?, ?)
       ORDER BY tree, name LIMIT ?`
    );
  }
  /** Adds a row; one that is there already is the same, because a tree's number stands for its content. */
  add(tree, row) {
    const { name, type, size, mtimeSec, mtimeNsec, mode, uid, gid, content, child } = row;
    this.#insert.run(tree, name, type, size, mtimeSec, mtimeNsec, mode, uid, gid, content, child);
  }
  /** The directory is to get its rows; returns false where it has them or waits already. */
  want(tree, content) {
    return this.#wait.run(tree, content) === 1;
  }
  /** All rows of a directory were added, and its subdirectories are wanted. */
  finish(tree) {
    this.#done.run(tree);
  }
  hasRows(tree) {
    return this.#hasRows.one(tree) === 1;
  }
  /** Up to `limit`, the highest number first: what a directory held before its siblings. */
  waiting(limit) {
    return this.#waiting.all(limit);
  }
  waitingCount() {
    return this.#waitingCount.one() ?? 0;
  }
  /** In rising byte order of names. */
  of(tree) {
    return this.#of.all(tree);
  }
  /** Up to `limit` entries, of any directory, that lead to this one. */
  parentsOf(tree, limit) {
    return this.#parents.all(tree, limit);
  }
  /** The highest tree that has rows; 0 where none has. */
  lastTree() {
    return this.#lastTree.one() ?? 0;
  }
  /** Matching rows behind `after`, of trees up to `lastTree`, in rising order of tree and name; at most `limit`. */
  matching(filter, after2, lastTree, limit) {
    const { nameHolds = null, type = null, notBefore, notAfter } = filter;
    return this.#matching.all(
      after2.tree,
      after2.name,
      lastTree,
      nameHolds,
      nameHolds,
      type,
      type,
      notBefore?.sec ?? Number.MIN_SAFE_INTEGER,
      notBefore?.nsec ?? 0,
      notAfter?.sec ?? Number.MAX_SAFE_INTEGER,
      notAfter?.nsec ?? 0,
      limit
    );
  }
};

// src/manifest/indexes-table.ts
var STATES = ["pending", "live", "condemned"];
var IndexesTable = class {
  #add;
  #setState;
  #remove;
  #all;
  #name;
  #unname;
  #named;
  constructor(connection) {
    this.#add = connection.prepare(
      "INSERT OR IGNORE INTO indexes (id, hash, state, bytes) VALUES (?, ?, ?, ?)"
    );
    this.#setState = connection.prepare("UPDATE indexes SET state = ? WHERE id = ?");
    this.#remove = connection.prepare("DELETE FROM indexes WHERE id = ?");
    this.#all = connection.prepare("SELECT id, hash, state, bytes FROM indexes ORDER BY id");
    this.#name = connection.prepare("INSERT OR IGNORE INTO index_packs (index_id, pack) VALUES (?, ?)");
    this.#unname = connection.prepare("DELETE FROM index_packs WHERE index_id = ?");
    this.#named = connection.prepareValue("SELECT pack FROM index_packs WHERE index_id = ? ORDER BY pack");
  }
  /**
   * `packs`: numbers of those that it names. Returns false, changing nothing, where the id is known. To be called within a
   * transaction.
   */
  add(index, packs2) {
    const { hash: hash2, state: state2, bytes } = index;
    const id = fromHex(index.id);
    if (this.#add.run(id, hash2, STATES.indexOf(state2), bytes) === 0) return false;
    for (const pack of packs2) this.#name.run(id, pack);
    return true;
  }
  /** Numbers of the packs that it names; some may be known no more. */
  packsOf(id) {
    return this.#named.all(fromHex(id));
  }
  setState(id, state2) {
    return this.#setState.run(STATES.indexOf(state2), fromHex(id)) === 1;
  }
  remove(id) {
    this.#unname.run(fromHex(id));
    return this.#remove.run(fromHex(id)) === 1;
  }
  list(state2) {
    const rows = this.#all.all().map((row) => ({
      id: indexId(toHex(row.id)),
      hash: row.hash,
      state: STATES[row.state] ?? "condemned",
      bytes: row.bytes
    }));
    return state2 === void 0 ? rows : rows.filter((row) => row.state === state2);
  }
};

// src/manifest/log-table.ts
var LogTable = class {
  #add;
  #since;
  #hashOf;
  constructor(connection) {
    this.#add = connection.prepare(
      "INSERT OR IGNORE INTO log (number, hash, kind, author, time_ms, problem) VALUES (?, ?, ?, ?, ?, ?)"
    );
    this.#since = connection.prepare(
      "SELECT number, hash, kind, author, time_ms AS timeMs, problem FROM log WHERE time_ms >= ? ORDER BY number"
    );
    this.#hashOf = connection.prepareValue("SELECT hash FROM log WHERE number = ?");
  }
  /** Returns false, changing nothing, where the number is known (another process was faster). */
  add(entry) {
    const { number, hash: hash2, kind, author, timeMs, problem } = entry;
    return this.#add.run(number, hash2, kind, author, timeMs, problem) === 1;
  }
  /** `undefined`: an entry that this client has not folded. */
  hashOf(number) {
    return this.#hashOf.one(number);
  }
  /** In the order of the log. */
  entries(sinceMs = Number.MIN_SAFE_INTEGER) {
    return this.#since.all(sinceMs);
  }
};

// src/manifest/meta-table.ts
var MetaTable = class {
  #connection;
  #get;
  #set;
  constructor(connection) {
    this.#connection = connection;
    this.#get = connection.prepareValue("SELECT value FROM meta WHERE key = ?");
    this.#set = connection.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)");
  }
  repositoryId() {
    const value = this.#get.one("repository");
    return typeof value === "string" ? repositoryId(value) : void 0;
  }
  setRepositoryId(id) {
    this.#set.run("repository", id);
  }
  /** The fold of the log up to the head, as its owner encodes it. */
  logState() {
    const value = this.#get.one("log state");
    return value instanceof Uint8Array ? value : void 0;
  }
  setLogState(state2) {
    this.#set.run("log state", state2);
  }
  head() {
    const number = this.#get.one("head number");
    const hash2 = this.#get.one("head hash");
    return typeof number === "number" && hash2 instanceof Uint8Array ? { number, hash: hash2 } : void 0;
  }
  /** Only ever rises: returns false, changing nothing, where a head of that number or above is known. */
  setHead(number, hash2) {
    return this.#connection.transaction(() => {
      if (number <= (this.head()?.number ?? -1)) return false;
      this.#set.run("head number", number);
      this.#set.run("head hash", hash2);
      return true;
    });
  }
};

// src/manifest/packs-table.ts
var STATES2 = ["pending", "live", "quarantined"];
var KIND_NUMBERS = { data: 1, tree: 2 };
var NO_BASES = new Uint8Array(0);
var LENGTH_BYTES2 = 4;
var COLUMNS2 = "no, id, kind, bytes, state, trusted, verified_ms AS verifiedMs, run";
var SEGMENT_COLUMNS = "offset, sealed, plain, depth, chunks, bases";
var PacksTable = class {
  #connection;
  #chunks;
  #insert;
  #insertSegment;
  #insertListing;
  #byNo;
  #byId;
  #all;
  #byState;
  #segment;
  #segments;
  #listing;
  #setState;
  #promote;
  #trust;
  #verified;
  #removals;
  constructor(connection, chunks) {
    this.#connection = connection;
    this.#chunks = chunks;
    this.#insert = connection.prepare(
      "INSERT INTO packs (id, kind, bytes, state, trusted, run) VALUES (?, ?, ?, ?, ?, ?)"
    );
    this.#insertSegment = connection.prepare(
      `INSERT INTO segments (pack, number, ${SEGMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
    );
    this.#insertListing = connection.prepare("INSERT INTO listings (pack, chunks) VALUES (?, ?)");
    this.#byNo = connection.prepare(`SELECT ${COLUMNS2} FROM packs WHERE no = ?`);
    this.#byId = connection.prepare(`SELECT ${COLUMNS2} FROM packs WHERE id = ?`);
    this.#all = connection.prepare(`SELECT ${COLUMNS2} FROM packs ORDER BY no`);
    this.#byState = connection.prepare(`SELECT ${COLUMNS2} FROM packs WHERE state = ? ORDER BY no`);
    this.#segment = connection.prepare(
      `SELECT ${SEGMENT_COLUMNS} FROM segments WHERE pack = ? AND number = ?`
    );
    this.#segments = connection.prepare(
      `SELECT ${SEGMENT_COLUMNS} FROM segments WHERE pack = ? ORDER BY number`
    );
    this.#listing = connection.prepareValue("SELECT chunks FROM listings WHERE pack = ?");
    this.#setState = connection.prepare("UPDATE packs SET state = ? WHERE no = ?");
    this.#promote = connection.prepare("UPDATE packs SET state = 1 WHERE id = ? AND state = 0");
    this.#trust = connection.prepare("UPDATE packs SET trusted = 1 WHERE no = ?");
    this.#verified = connection.prepare("UPDATE packs SET verified_ms = ? WHERE no = ?");
    this.#removals = [
      connection.prepare("DELETE FROM listings WHERE pack = ?"),
      connection.prepare("DELETE FROM segments WHERE pack = ?"),
      connection.prepare("DELETE FROM packs WHERE no = ?")
    ];
  }
  /**
   * Adds a pack with all that is in it, in one transaction (wrap many in one of your own: that is several times
   * faster), and returns its number. A known id keeps its table, and a pending pack becomes live where `pack` is; but
   * a trusted table replaces an untrusted one, which may be a lie. Quarantined packs stay so.
   */
  add(pack) {
    return this.#connection.transaction(() => {
      const known = this.byId(pack.id);
      if (known === void 0) return this.#add(pack, pack.state);
      const state2 = known.state === "pending" ? pack.state : known.state;
      if (pack.trusted && !known.trusted) {
        this.remove(known.no);
        return this.#add(pack, state2);
      }
      if (state2 !== known.state) this.setState(known.no, state2);
      return known.no;
    });
  }
  #add(pack, state2) {
    const chunks = listChunks(pack.segments);
    const stateNumber = STATES2.indexOf(state2);
    const trusted = pack.trusted ? 1 : 0;
    const no = this.#insert.insert(
      fromHex(pack.id),
      KIND_NUMBERS[pack.kind],
      pack.bytes,
      stateNumber,
      trusted,
      pack.run ?? null
    );
    let offset = PACK_HEADER_BYTES;
    for (const [number, segment] of pack.segments.entries()) {
      const { sealed, plain, depth, bases, chunkLengths } = segment;
      const stored = bases.length === 0 ? null : bases;
      this.#insertSegment.run(no, number, offset, sealed, plain, depth, chunkLengths.length, stored);
      offset += sealed;
    }
    this.#insertListing.run(no, chunks.listing);
    this.#chunks.insert(no, chunks);
    return no;
  }
  byId(id) {
    const row = this.#byId.one(fromHex(id));
    return row === void 0 ? void 0 : this.#row(row);
  }
  byNo(no) {
    const row = this.#byNo.one(no);
    return row === void 0 ? void 0 : this.#row(row);
  }
  /** In the order in which they were added. */
  list(state2) {
    const rows = state2 === void 0 ? this.#all.all() : this.#byState.all(STATES2.indexOf(state2));
    return rows.map((row) => this.#row(row));
  }
  /** Packs that this client stored and no log entry names yet: of a run that is under way or was interrupted (`run`). */
  pending() {
    return this.list("pending");
  }
  segmentOf(pack, number) {
    const row = this.#segment.one(pack, number);
    return row === void 0 ? void 0 : { ...row, bases: row.bases ?? NO_BASES };
  }
  /** The whole table of a pack, as it was added; empty for an unknown number. Views of one buffer, which is the caller's. */
  tableOf(pack) {
    const segments = this.#segments.all(pack);
    const { ids, lengths } = this.#chunksOf(pack);
    const tables = [];
    let at = 0;
    for (const { sealed, plain, depth, chunks, bases } of segments) {
      const chunkLengths = lengths.subarray(at, at + chunks);
      const chunkIds = ids.subarray(at * CHUNK_ID_BYTES, (at + chunks) * CHUNK_ID_BYTES);
      tables.push({ sealed, plain, depth, bases: bases ?? NO_BASES, chunkLengths, chunkIds });
      at += chunks;
    }
    if (at !== lengths.length)
      throw manifestDamaged(
        this.#connection.path,
        `lists ${lengths.length} chunks, not ${at}, for pack ${pack}`
      );
    return tables;
  }
  /** Returns false for an unknown number. */
  setState(no, state2) {
    return this.#setState.run(STATES2.indexOf(state2), no) === 1;
  }
  /** Pending packs become live, all or none; others are left as they are. Returns how many became live. */
  promote(ids) {
    return this.#connection.transaction(() => {
      let count = 0;
      for (const id of ids) count += this.#promote.run(fromHex(id));
      return count;
    });
  }
  /** An admin or reader has rehashed it. Returns false for an unknown number. */
  trust(no) {
    return this.#trust.run(no) === 1;
  }
  markVerified(no, timeMs) {
    return this.#verified.run(timeMs, no) === 1;
  }
  /** Removes the pack with its segments and chunks. Returns false for an unknown number. */
  remove(no) {
    return this.#connection.transaction(() => {
      this.#chunks.remove(no, this.#chunksOf(no).ids);
      let removed = 0;
      for (const removal of this.#removals) removed = removal.run(no);
      return removed === 1;
    });
  }
  #chunksOf(pack) {
    const stored = this.#listing.one(pack) ?? NO_BASES;
    const count = stored.length / (LENGTH_BYTES2 + CHUNK_ID_BYTES);
    if (!Number.isInteger(count))
      throw manifestDamaged(this.#connection.path, `has a broken listing of pack ${pack}`);
    const listing = new Uint8Array(stored);
    return {
      lengths: new Uint32Array(listing.buffer, 0, count),
      ids: listing.subarray(count * LENGTH_BYTES2)
    };
  }
  #row(row) {
    const state2 = STATES2[row.state];
    if (state2 === void 0) throw manifestDamaged(this.#connection.path, `has a pack in state ${row.state}`);
    return {
      ...row,
      id: packId(toHex(row.id)),
      kind: row.kind === KIND_NUMBERS.tree ? "tree" : "data",
      state: state2,
      trusted: row.trusted === 1
    };
  }
};
function listChunks(tables) {
  let count = 0;
  for (const table of tables) count += table.chunkLengths.length;
  const listing = new Uint8Array(count * (LENGTH_BYTES2 + CHUNK_ID_BYTES));
  const lengths = new Uint32Array(listing.buffer, 0, count);
  const ids = listing.subarray(count * LENGTH_BYTES2);
  const segments = new Uint32Array(count);
  const offsets = new Uint32Array(count);
  let at = 0;
  for (const [number, { plain, bases, chunkLengths, chunkIds }] of tables.entries()) {
    assert(chunkIds.length === chunkLengths.length * CHUNK_ID_BYTES, "an id for each chunk");
    assert(bases.length % CHUNK_ID_BYTES === 0, "bases are whole ids");
    lengths.set(chunkLengths, at);
    ids.set(chunkIds, at * CHUNK_ID_BYTES);
    let offset = 0;
    for (const length of chunkLengths) {
      segments[at] = number;
      offsets[at] = offset;
      offset += length;
      at++;
    }
    assert(offset === plain, "the chunks of a segment add up to its plain bytes");
  }
  return { listing, lengths, ids, segments, offsets };
}

// src/manifest/runs-table.ts
var RunsTable = class {
  #connection;
  #begin;
  #end;
  #list;
  constructor(connection) {
    this.#connection = connection;
    this.#begin = connection.prepare("INSERT INTO runs (kind, started_ms, details) VALUES (?, ?, ?)");
    this.#end = connection.prepare(
      "UPDATE runs SET ended_ms = ?, outcome = ?, snapshot = ?, details = coalesce(?, details) WHERE id = ?"
    );
    this.#list = connection.prepare(
      `SELECT id, kind, started_ms AS startedMs, ended_ms AS endedMs, outcome, snapshot, details FROM runs
       ORDER BY id DESC LIMIT ?`
    );
  }
  /** Returns the run's number. */
  begin(kind, startedMs, details = null) {
    return this.#begin.insert(kind, startedMs, JSON.stringify(details));
  }
  /** Keeps the details given at the beginning where none are given. Returns false for an unknown number. */
  end(id, end) {
    const details = end.details === void 0 ? null : JSON.stringify(end.details);
    const snapshot = end.snapshot === void 0 ? null : fromHex(end.snapshot);
    return this.#end.run(end.endedMs, end.outcome, snapshot, details, id) === 1;
  }
  /** The newest first. */
  list(limit) {
    return this.#list.all(limit).map((row) => ({
      ...row,
      snapshot: row.snapshot === null ? null : snapshotId(toHex(row.snapshot)),
      details: this.#connection.json(row.details)
    }));
  }
};

// src/manifest/snapshots-table.ts
var PREFIX_MATCHES_MAX = 10;
var COLUMNS3 = `id, number, series, time_ms AS timeMs, committed_ms AS committedMs, host, user, paths, tags, label, root, root_tree AS rootTree,
  summary, details, forgotten_ms AS forgottenMs, held`;
var SnapshotsTable = class {
  #connection;
  #add;
  #select;
  #range;
  #latest;
  #forget;
  #setRoot;
  #hold;
  #tag;
  #remove;
  constructor(connection) {
    this.#connection = connection;
    this.#add = connection.prepare(
      `INSERT OR IGNORE INTO snapshots (id, number, series, time_ms, committed_ms, host, user, paths, tags, label,
         root, root_tree, summary, details, forgotten_ms, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    );
    this.#select = connection.prepare(
      `WITH wanted (of_series, of_host, after_ms, before_ms, forgotten) AS (VALUES (?, ?, ?, ?, ?))
       SELECT ${COLUMNS3} FROM snapshots, wanted
       WHERE coalesce(series = of_series, of_series IS NULL) AND coalesce(host = of_host, of_host IS NULL)
         AND time_ms BETWEEN after_ms AND before_ms
         AND (forgotten = 2 OR (forgotten_ms IS NOT NULL) = forgotten)
       ORDER BY time_ms, number`
    );
    this.#range = connection.prepare(
      `SELECT ${COLUMNS3} FROM snapshots WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ${PREFIX_MATCHES_MAX}`
    );
    this.#latest = connection.prepare(
      `SELECT ${COLUMNS3} FROM snapshots WHERE series = ? AND time_ms <= ? AND forgotten_ms IS NULL
       ORDER BY time_ms DESC, number DESC LIMIT 1`
    );
    this.#forget = connection.prepare("UPDATE snapshots SET forgotten_ms = ? WHERE id = ?");
    this.#setRoot = connection.prepare("UPDATE snapshots SET root_tree = ? WHERE id = ?");
    this.#hold = connection.prepare("UPDATE snapshots SET held = ? WHERE id = ?");
    this.#tag = connection.prepare("UPDATE snapshots SET tags = ? WHERE id = ?");
    this.#remove = connection.prepare("DELETE FROM snapshots WHERE id = ?");
  }
  /** Returns false, changing nothing, where the id is known. */
  add(row) {
    const count = this.#add.run(
      fromHex(row.id),
      row.number,
      fromHex(row.series),
      row.timeMs,
      row.committedMs,
      row.host,
      row.user,
      JSON.stringify(row.paths),
      JSON.stringify(row.tags),
      row.label,
      row.root,
      row.rootTree,
      JSON.stringify(row.summary ?? null),
      JSON.stringify(row.details ?? null),
      row.forgottenMs,
      row.held ? 1 : 0
    );
    return count === 1;
  }
  /** In the order of their times. */
  list(filter = {}) {
    const { series, host, path, tag: tag2, forgotten = "no" } = filter;
    const rows = this.#select.all(
      series === void 0 ? null : fromHex(series),
      host ?? null,
      filter.notBeforeMs ?? Number.MIN_SAFE_INTEGER,
      filter.notAfterMs ?? Number.MAX_SAFE_INTEGER,
      { no: 0, only: 1, both: 2 }[forgotten]
    );
    return rows.map((row) => this.#row(row)).filter((row) => path === void 0 || row.paths.includes(path)).filter((row) => tag2 === void 0 || row.tags.includes(tag2));
  }
  /** Snapshots, forgotten ones too, whose id begins with up to 32 lower-case hex digits; at most `PREFIX_MATCHES_MAX`. */
  byPrefix(hex) {
    assert(/^[0-9a-f]{0,32}$/.test(hex), "a prefix of an id");
    const digits = ID_BYTES * 2;
    const rows = this.#range.all(fromHex(hex.padEnd(digits, "0")), fromHex(hex.padEnd(digits, "f")));
    return rows.map((row) => this.#row(row));
  }
  /** The newest snapshot of a series that is not forgotten. */
  latestOf(series, notAfterMs = Number.MAX_SAFE_INTEGER) {
    const row = this.#latest.one(fromHex(series), notAfterMs);
    return row === void 0 ? void 0 : this.#row(row);
  }
  /** `null` takes it back. Returns false for an unknown id. */
  setForgotten(id, timeMs) {
    return this.#forget.run(timeMs, fromHex(id)) === 1;
  }
  /** Returns false for an unknown id. */
  setHeld(id, held) {
    return this.#hold.run(held ? 1 : 0, fromHex(id)) === 1;
  }
  /** Returns false for an unknown id. */
  setTags(id, tags) {
    return this.#tag.run(JSON.stringify(tags), fromHex(id)) === 1;
  }
  /** Returns false for an unknown id. */
  remove(id) {
    return this.#remove.run(fromHex(id)) === 1;
  }
  /** Once the root tree was read or made. Returns false for an unknown id. */
  setRootTree(id, tree) {
    return this.#setRoot.run(tree, fromHex(id)) === 1;
  }
  #row(row) {
    return {
      ...row,
      id: snapshotId(toHex(row.id)),
      series: seriesId(toHex(row.series)),
      paths: this.#texts(row.paths),
      tags: this.#texts(row.tags),
      summary: this.#connection.json(row.summary),
      details: this.#connection.json(row.details),
      held: row.held === 1
    };
  }
  #texts(json) {
    const value = this.#connection.json(json);
    return Array.isArray(value) ? value.map(String) : [];
  }
};

// src/manifest/statistics.ts
var TABLES = [
  "meta",
  "log",
  "snapshots",
  "indexes",
  "packs",
  "segments",
  "listings",
  "chunks",
  "trees",
  "entries",
  "entry_trees",
  "runs"
];
function readStatistics(connection) {
  const sizes = connection.prepare(
    `SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
     WHERE d.aggregate = 1 GROUP BY s.tbl_name`
  );
  const bytesOf2 = new Map(sizes.all().map((row) => [row.name, row.bytes]));
  const packs2 = connection.prepare(
    `SELECT CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'live' ELSE 'quarantined' END AS state,
       CASE kind WHEN 2 THEN 'tree' ELSE 'data' END AS kind, count(*) AS count, sum(bytes) AS bytes
     FROM packs GROUP BY packs.state, packs.kind ORDER BY packs.state, packs.kind`
  );
  return {
    bytes: Number(connection.pragma("page_count")) * Number(connection.pragma("page_size")),
    tables: TABLES.map((name) => ({
      name,
      rows: connection.prepareValue(`SELECT count(*) FROM ${name}`).one() ?? 0,
      bytes: bytesOf2.get(name) ?? 0
    })),
    packs: packs2.all()
  };
}

// src/manifest/trees-table.ts
var TREE_KEPT_BYTES_MAX = 1048576;
var TreesTable = class {
  #insert;
  #setBytes;
  #known;
  #byId;
  #noOf;
  #last;
  #after;
  #removals;
  constructor(connection) {
    this.#insert = connection.prepare("INSERT INTO trees (id, bytes) VALUES (?, ?)");
    this.#setBytes = connection.prepare("UPDATE trees SET bytes = ? WHERE no = ?");
    this.#known = connection.prepare("SELECT no, bytes IS NULL AS lacksBytes FROM trees WHERE id = ?");
    this.#byId = connection.prepare("SELECT no, id, bytes FROM trees WHERE id = ?");
    this.#noOf = connection.prepareValue("SELECT no FROM trees WHERE id = ?");
    this.#last = connection.prepareValue("SELECT max(no) FROM trees");
    this.#after = connection.prepare("SELECT no, id FROM trees WHERE no > ? AND no <= ? ORDER BY no LIMIT ?");
    this.#removals = [
      connection.prepare("DELETE FROM entries WHERE tree = ?"),
      connection.prepare("DELETE FROM entry_trees WHERE tree = ?"),
      connection.prepare("UPDATE trees SET bytes = NULL WHERE no = ?"),
      connection.prepare("DELETE FROM trees WHERE no = ? AND no < (SELECT max(no) FROM trees)")
    ];
  }
  /**
   * Adds a directory and returns its number. The id names the content: a known id returns the number that it has, and bytes
   * are taken where there were none. `null`: the bytes are not known, the number alone is wanted. To be called within a
   * transaction, because other processes add directories too.
   */
  add(id, bytes) {
    const kept2 = bytes !== null && bytes.length <= TREE_KEPT_BYTES_MAX ? bytes : null;
    const known = this.#known.one(id);
    if (known === void 0) return this.#insert.insert(id, kept2);
    if (known.lacksBytes === 1 && kept2 !== null) this.#setBytes.run(kept2, known.no);
    return known.no;
  }
  /** The number alone: reads no bytes. */
  noOf(id) {
    return this.#noOf.one(id);
  }
  byId(id) {
    return this.#byId.one(id);
  }
  /** The highest number; 0 where there are none. */
  lastNo() {
    return this.#last.one() ?? 0;
  }
  /** Up to `limit` directories with numbers above `after` and up to `last`, in rising order. */
  keys(after2, last, limit) {
    return this.#after.all(after2, last, limit);
  }
  /** Drops the directory's bytes and all its rows. To be called within a transaction. */
  remove(no) {
    for (const removal of this.#removals) removal.run(no);
  }
};

// src/manifest/manifest.ts
var Manifest = class {
  meta;
  log;
  snapshots;
  indexes;
  chunks;
  packs;
  trees;
  entries;
  runs;
  #connection;
  /** Takes the connection over: disposing of the manifest closes it. */
  constructor(connection) {
    this.#connection = connection;
    this.meta = new MetaTable(connection);
    this.log = new LogTable(connection);
    this.snapshots = new SnapshotsTable(connection);
    this.indexes = new IndexesTable(connection);
    this.chunks = new ChunksTable(connection);
    this.packs = new PacksTable(connection, this.chunks);
    this.trees = new TreesTable(connection);
    this.entries = new EntriesTable(connection);
    this.runs = new RunsTable(connection);
  }
  /**
   * Runs `work`, which is synchronous, as one IMMEDIATE transaction: all of it is stored, or nothing where it throws.
   * Transactions nest. Waits up to 30 s for another process that is writing.
   */
  transaction(work) {
    return this.#connection.transaction(work);
  }
  /** For reading very many chunks: those in `packs`, by default in trusted packs that are live or pending now. */
  chunkFinder(packs2) {
    const usable = packs2 ?? this.packs.list().filter(isUsable);
    return new ChunkFinder(this.#connection, this.packs, usable);
  }
  /**
   * Writes the file anew without what was removed from it, so that nothing of that is left in it. Needs as much free disk as
   * the file has bytes. False where another process is reading: the old pages are in the write-ahead log until it has ended.
   */
  compact() {
    return compact(this.#connection);
  }
  statistics() {
    return readStatistics(this.#connection);
  }
  [Symbol.dispose]() {
    this.#connection[Symbol.dispose]();
  }
};
function isUsable({ state: state2, trusted }) {
  return trusted && (state2 === "live" || state2 === "pending");
}

// src/manifest/migrations.ts
var APPLICATION_ID = 1936613744;
var MIGRATIONS = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

  CREATE TABLE log (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL, kind INTEGER NOT NULL, author BLOB NOT NULL,
    time_ms INTEGER NOT NULL, problem TEXT);

  CREATE TABLE snapshots (
    id BLOB PRIMARY KEY, number INTEGER NOT NULL, series BLOB NOT NULL, time_ms INTEGER NOT NULL, host TEXT, user TEXT,
    paths TEXT NOT NULL, tags TEXT NOT NULL, label TEXT, root BLOB NOT NULL, root_tree BLOB, summary TEXT NOT NULL,
    details TEXT NOT NULL, forgotten_ms INTEGER) WITHOUT ROWID;
  CREATE INDEX snapshots_by_series ON snapshots (series, time_ms);

  CREATE TABLE indexes (id BLOB PRIMARY KEY, hash BLOB NOT NULL, state INTEGER NOT NULL) WITHOUT ROWID;

  CREATE TABLE packs (
    no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, bytes INTEGER NOT NULL,
    state INTEGER NOT NULL, trusted INTEGER NOT NULL, verified_ms INTEGER, run INTEGER);
  CREATE TABLE segments (
    pack INTEGER NOT NULL, number INTEGER NOT NULL, offset INTEGER NOT NULL, sealed INTEGER NOT NULL,
    plain INTEGER NOT NULL, depth INTEGER NOT NULL, chunks INTEGER NOT NULL, bases BLOB,
    PRIMARY KEY (pack, number)) WITHOUT ROWID;
  CREATE TABLE listings (pack INTEGER PRIMARY KEY, chunks BLOB NOT NULL);
  CREATE TABLE chunks (
    key BLOB NOT NULL, pack INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (key, pack, segment, offset)) WITHOUT ROWID;

  CREATE TABLE trees (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, bytes BLOB);
  CREATE TABLE entries (
    tree INTEGER NOT NULL, name BLOB NOT NULL, type INTEGER NOT NULL, size INTEGER NOT NULL, mtime_sec INTEGER NOT NULL,
    mtime_nsec INTEGER NOT NULL, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    content BLOB, child INTEGER, PRIMARY KEY (tree, name)) WITHOUT ROWID;
  CREATE INDEX entries_by_child ON entries (child) WHERE child IS NOT NULL;
  CREATE TABLE entry_trees (tree INTEGER PRIMARY KEY, content BLOB);
  CREATE INDEX entry_trees_waiting ON entry_trees (tree) WHERE content IS NOT NULL;

  CREATE TABLE runs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT,
    snapshot BLOB, details TEXT NOT NULL);
  `,
  // Index objects are all taken in again, with their sizes and packs.
  `DELETE FROM indexes; ALTER TABLE indexes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE packs SET state = 2 WHERE state = 3;
  ALTER TABLE snapshots ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE snapshots ADD COLUMN committed_ms INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE index_packs (
    index_id BLOB NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY (pack, index_id)) WITHOUT ROWID;
  CREATE INDEX index_packs_by_index ON index_packs (index_id);`,
  // Pack numbers are never given again: other processes may still mean the pack that was removed.
  `CREATE TABLE numbered_packs (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, bytes INTEGER NOT NULL,
    state INTEGER NOT NULL, trusted INTEGER NOT NULL, verified_ms INTEGER, run INTEGER);
  INSERT INTO numbered_packs SELECT no, id, kind, bytes, state, trusted, verified_ms, run FROM packs;
  DROP TABLE packs;
  ALTER TABLE numbered_packs RENAME TO packs;`
];
var SCHEMA_FIRST = 2;
var SCHEMA_VERSION = SCHEMA_FIRST + MIGRATIONS.length - 1;
function schemaVersion(connection) {
  const version = Number(connection.pragma("user_version"));
  const application = Number(connection.pragma("application_id"));
  const objects = connection.prepareValue("SELECT count(*) FROM sqlite_schema").one();
  if (version === 0 && application === 0 && objects === 0) return void 0;
  if (application !== APPLICATION_ID)
    throw manifestDamaged(connection.path, "is a database of another program");
  if (version < SCHEMA_FIRST || version > SCHEMA_VERSION) {
    throw manifestDamaged(connection.path, `has schema ${version}; this program reads ${SCHEMA_VERSION}`);
  }
  return version;
}
function migrate(connection) {
  connection.transaction(() => {
    const version = schemaVersion(connection) ?? SCHEMA_FIRST - 1;
    if (version === SCHEMA_VERSION) return;
    for (const migration of MIGRATIONS.slice(version - SCHEMA_FIRST + 1)) connection.exec(migration);
    connection.pragma(`application_id = ${APPLICATION_ID}`);
    connection.pragma(`user_version = ${SCHEMA_VERSION}`);
  });
}

// src/manifest/sqlite-version.ts
var DEFECT_FIRST = [3, 7, 0];
var DEFECT_LAST = [3, 51, 2];
function compare(left, right) {
  for (const index of [0, 1, 2]) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
function isUnsafeSqlite(version) {
  if (!/^\d+\.\d+(\.\d+)*$/.test(version)) return true;
  const numbers2 = version.split(".").map(Number);
  return compare(numbers2, DEFECT_FIRST) >= 0 && compare(numbers2, DEFECT_LAST) <= 0;
}

// src/manifest/open-manifest.ts
var CACHE_KIB = 65536;
var MMAP_BYTES = 0;
var WAL_CHECKPOINT_PAGES = 16384;
var WAL_BYTES_KEPT = 67108864;
function openManifest(path, options = {}) {
  const readOnly = options.readOnly ?? false;
  if (!readOnly) makePrivate(path);
  const connection = new Connection(path, readOnly);
  try {
    refuseUnsafe(connection);
    const version = schemaVersion(connection);
    if (readOnly && version !== SCHEMA_VERSION) {
      throw manifestDamaged(path, `has schema ${version ?? "none"}, not ${SCHEMA_VERSION}`);
    }
    if (!readOnly) {
      setUpWriter(connection);
      migrate(connection);
    }
    setUp(connection);
    return new Manifest(connection);
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}
function refuseUnsafe(connection) {
  const version = connection.prepareValue("SELECT sqlite_version()").one() ?? "";
  if (isUnsafeSqlite(version)) {
    throw new SnapError("SQLITE_UNSAFE", `SQLite ${version} can corrupt a database in WAL mode`, {
      hint: "Use a build of better-sqlite3 with SQLite 3.51.3 or newer."
    });
  }
}
function setUpWriter(connection) {
  if (connection.pragma("journal_mode = WAL") !== "wal") {
    throw new SnapError("MANIFEST_FAILED", `the manifest ${connection.path} cannot use WAL mode`, {
      hint: "Keep the cache directory on a local file system."
    });
  }
  connection.pragma("synchronous = NORMAL");
  connection.pragma(`wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`);
  connection.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
}
function setUp(connection) {
  connection.pragma("foreign_keys = OFF");
  connection.pragma("temp_store = MEMORY");
  connection.pragma(`cache_size = -${CACHE_KIB}`);
  connection.pragma(`mmap_size = ${MMAP_BYTES}`);
}
function makePrivate(path) {
  try {
    mkdirSync(dirname2(path), { recursive: true, mode: 448 });
    const fd = openSync(path, "a", 384);
    try {
      if ((fstatSync(fd).mode & 63) !== 0) chmodSync(path, 384);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SnapError("MANIFEST_FAILED", `the manifest ${path} cannot be created or opened: ${why}`, {
      hint: `Check that you may write to ${dirname2(path)} and that its disk is not full.`,
      cause
    });
  }
}

// src/object/read-object.ts
async function readObject(storage2, key, bytesMax) {
  const stat5 = await storage2.stat(key);
  if (stat5 !== void 0 && stat5.bytes > bytesMax) {
    decodeObjectHeader(await storage2.read(key, { offset: 0, bytes: OBJECT_HEADER_BYTES }), key);
    throw new SnapError("LIMIT_EXCEEDED", `${key} has ${stat5.bytes} bytes; ${bytesMax} are allowed`);
  }
  return await storage2.read(key);
}

// src/codec/zstd.ts
import { createRequire as createRequire2 } from "node:module";

// src/codec/dictionary.ts
var TRAINED = [55, 164, 48, 236];
function rawContent(dictionary) {
  return TRAINED.every((byte, at) => dictionary[at] === byte) ? dictionary.subarray(1) : dictionary;
}

// src/codec/zstd-node.ts
import * as zlib from "node:zlib";
function createNodeZstd() {
  if (!("zstdCompressSync" in zlib)) return void 0;
  const node = zlib;
  let dictionaries;
  const compress = (source, into, at, options) => {
    const frame = node.zstdCompressSync(source, options);
    if (frame.length > into.length - at) return 0;
    into.set(frame, at);
    return frame.length;
  };
  const decompress = (source, into, options) => {
    const plain = decode(node, source, { ...options, maxOutputLength: Math.max(1, into.length) });
    if (plain.length > into.length) throw damaged2(void 0);
    into.set(plain);
    return plain.length;
  };
  const level = (value) => ({
    params: { [node.constants.ZSTD_c_compressionLevel]: value }
  });
  const withDictionary = (dictionary) => {
    dictionaries ??= usesDictionaries(node);
    if (!dictionaries) {
      throw new SnapError("PLATFORM_LACKS", "this Node's zstd takes no dictionary", {
        hint: "Reinstall so that zstd-napi is built for this platform, or use Node 22.19 or later."
      });
    }
    return { dictionary: rawContent(dictionary) };
  };
  return {
    name: "node:zlib",
    compress: (source, into, at, value) => compress(source, into, at, level(value)),
    compressWithDictionary: (source, dictionary, into, at, value) => compress(source, into, at, { ...level(value), ...withDictionary(dictionary) }),
    decompress: (source, into) => decompress(source, into, {}),
    decompressWithDictionary: (source, dictionary, into) => decompress(source, into, withDictionary(dictionary))
  };
}
function usesDictionaries(node) {
  const text2 = Uint8Array.from({ length: 64 }, (_, i) => i * i * 37 & 255);
  return node.zstdCompressSync(text2, { dictionary: text2 }).length < node.zstdCompressSync(text2, {}).length;
}
function decode(node, source, options) {
  try {
    return node.zstdDecompressSync(source, options);
  } catch (cause) {
    throw damaged2(cause);
  }
}
function damaged2(cause) {
  return new SnapError("OBJECT_DAMAGED", "compressed data does not decode", { cause });
}

// src/codec/zstd.ts
function createZstd() {
  const zstd = createNativeZstd() ?? createNodeZstd();
  if (zstd !== void 0) return zstd;
  throw new SnapError("PLATFORM_LACKS", "neither zstd-napi nor the zstd of node:zlib loads here", {
    hint: "Reinstall so that zstd-napi is built for this platform, or use Node 22.15 or later."
  });
}
var TUNED_LEVEL = 3;
var TUNED_CHAIN_LOG = 14;
function createNativeZstd() {
  const binding = loadBinding();
  if (binding === void 0) return void 0;
  const compressor = new binding.CCtx();
  const tuned = new binding.CCtx();
  tuned.setParameter(binding.CParameter.compressionLevel, TUNED_LEVEL);
  tuned.setParameter(binding.CParameter.chainLog, TUNED_CHAIN_LOG);
  const decompressor = new binding.DCtx();
  return {
    name: "zstd-napi",
    compress: (source, into, at, level) => fittingBytes(
      () => level === TUNED_LEVEL ? tuned.compress2(into.subarray(at), source) : compressor.compress(into.subarray(at), source, level)
    ),
    compressWithDictionary: (source, dictionary, into, at, level) => fittingBytes(
      () => compressor.compressUsingDict(into.subarray(at), source, rawContent(dictionary), level)
    ),
    decompress: (source, into) => decoded(() => decompressor.decompress(into, source)),
    decompressWithDictionary: (source, dictionary, into) => decoded(() => decompressor.decompressUsingDict(into, source, rawContent(dictionary)))
  };
}
function loadBinding() {
  try {
    return createRequire2(import.meta.url)("zstd-napi/binding.js");
  } catch {
    return void 0;
  }
}
var TOO_SMALL = "Destination buffer is too small";
function fittingBytes(compress) {
  try {
    return compress();
  } catch (error) {
    if (error instanceof Error && error.message === TOO_SMALL) return 0;
    throw error;
  }
}
function decoded(decompress) {
  try {
    return decompress();
  } catch (cause) {
    throw new SnapError("OBJECT_DAMAGED", "compressed data does not decode", { cause });
  }
}

// src/pack/pack-header.ts
var ID_AT = OBJECT_HEADER_BYTES;
var SECRET_AT = ID_AT + ID_BYTES;
var COMMITMENT_AT2 = 128;
var PACK_CONTEXT = "snapkeep v1 pack";
var COMMITMENT_LABEL2 = new TextEncoder().encode("commitment");
var FOOTER_LABEL = new TextEncoder().encode("footer");
function deriveFooterKey(indexKey2, header) {
  return keyedHash(indexKey2, FOOTER_LABEL, header.subarray(0, PACK_HEADER_BYTES));
}
function readPackHead(header, repository, expected) {
  if (header.length < PACK_HEADER_BYTES)
    throw new SnapError("OBJECT_DAMAGED", `pack ${expected} is cut short`);
  const { kind } = readObjectHeader(header, { type: "pack", repository, name: `pack ${expected}` });
  const id = toHex(header.subarray(ID_AT, SECRET_AT));
  if (id !== expected) throw new SnapError("OBJECT_DAMAGED", `pack ${expected} holds another pack, ${id}`);
  if (kind === void 0) throw new SnapError("OBJECT_DAMAGED", `pack ${expected} has no kind`);
  return { id: expected, kind };
}
function openPackKeys(header, repository, expected, secrets, box2) {
  const { id } = readPackHead(header, repository, expected);
  const packSecret = box2.open(
    secrets.contentPublic,
    secrets.contentSecret,
    header.subarray(SECRET_AT, COMMITMENT_AT2)
  );
  const packKey2 = derivePackKey(packSecret, secrets.indexKey, id);
  if (!constantTimeEqual(commitment2(packKey2, header), header.subarray(COMMITMENT_AT2, PACK_HEADER_BYTES))) {
    throw new SnapError("OBJECT_DAMAGED", `pack ${id}: its key does not match its commitment`);
  }
  return { packKey: packKey2, footerKey: deriveFooterKey(secrets.indexKey, header) };
}
function derivePackKey(packSecret, indexKey2, id) {
  return deriveKey(PACK_CONTEXT, packSecret, indexKey2, fromHex(id));
}
function commitment2(packKey2, header) {
  return keyedHash(packKey2, COMMITMENT_LABEL2, header.subarray(0, COMMITMENT_AT2));
}
var AAD_NUMBER_AT = OBJECT_HEADER_BYTES + ID_BYTES;
function packAad(header, position) {
  const aad = new Uint8Array(AAD_NUMBER_AT + 4);
  aad.set(header.subarray(0, AAD_NUMBER_AT));
  new DataView(aad.buffer).setUint32(AAD_NUMBER_AT, position, true);
  return aad;
}

// src/pack/segment-table.ts
var NO_BYTES = new Uint8Array(0);
function readSegmentTable(reader, withIds) {
  const count = reader.count(PACK_SEGMENTS_MAX, 6);
  const segments = [];
  for (let number = 0; number < count; number++) segments.push(readSegmentRow(reader, withIds));
  return segments;
}
function readSegmentRow(reader, withIds) {
  const sealed = bounded(
    reader.varint(),
    AEAD_TAG_BYTES + 8,
    SEGMENT_SEALED_BYTES_MAX,
    "sealed segment bytes"
  );
  const plain = bounded(reader.varint(), 1, SEGMENT_BYTES_MAX, "segment bytes");
  const depth = bounded(reader.varint(), 0, SEGMENT_DEPTH_MAX, "segment depth");
  const baseCount = reader.count(SEGMENT_BASES_MAX, CHUNK_ID_BYTES);
  if (depth === 0 !== (baseCount === 0)) reader.fail("a plain segment has bases, or a delta segment none");
  const bases = baseCount === 0 ? NO_BYTES : new Uint8Array(reader.raw(baseCount * CHUNK_ID_BYTES));
  const chunkCount = reader.count(SEGMENT_BYTES_MAX, withIds ? 1 + CHUNK_ID_BYTES : 1);
  const chunkLengths = new Uint32Array(chunkCount);
  const chunkIds = withIds ? new Uint8Array(chunkCount * CHUNK_ID_BYTES) : NO_BYTES;
  let total = 0;
  for (let index = 0; index < chunkCount; index++) {
    const length = bounded(reader.varint(), 1, CHUNK_BYTES_MAX, "chunk bytes");
    chunkLengths[index] = length;
    total += length;
    if (withIds) chunkIds.set(reader.raw(CHUNK_ID_BYTES), index * CHUNK_ID_BYTES);
  }
  if (total !== plain) reader.fail(`chunk lengths add up to ${total}, the segment has ${plain}`);
  return { sealed, plain, depth, bases, chunkLengths, chunkIds };
}
function bounded(value, min, max, what) {
  if (value < min || value > max) {
    throw new SnapError("LIMIT_EXCEEDED", `${what}: ${value} is not within ${min} to ${max}`);
  }
  return value;
}

// src/pack/pack-reader.ts
function openPackSegment(id, header, keys, number, sealed, into) {
  return naming(
    id,
    `segment ${number}`,
    () => openSegment(keys.packKey, number, packAad(header, number), sealed, into)
  );
}
function naming(id, part, open6) {
  try {
    return open6();
  } catch (cause) {
    if (!(cause instanceof SnapError)) throw cause;
    throw new SnapError("OBJECT_DAMAGED", `pack ${id}: ${part} is damaged`, { cause });
  }
}

// src/pack/segment.ts
var SEGMENT_HEADER_BYTES = 8;
var CODEC_STORED = 0;
var CODEC_ZSTD = 1;
function readSegmentHeader(segment) {
  if (segment.length < SEGMENT_HEADER_BYTES) throw damaged3("is shorter than its header");
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const codec = view.getUint8(0);
  const depth = view.getUint8(1);
  const baseCount = view.getUint16(2, true);
  const plain = view.getUint32(4, true);
  if (codec !== CODEC_STORED && codec !== CODEC_ZSTD) throw damaged3(`has the unknown codec ${codec}`);
  if (depth > SEGMENT_DEPTH_MAX || baseCount > SEGMENT_BASES_MAX || plain > SEGMENT_BYTES_MAX || plain === 0) {
    throw new SnapError(
      "LIMIT_EXCEEDED",
      `a segment declares ${plain} bytes, ${baseCount} bases, depth ${depth}`
    );
  }
  if (depth === 0 !== (baseCount === 0)) throw damaged3("has bases but no depth, or depth but no bases");
  if (baseCount > 0 && codec !== CODEC_ZSTD) throw damaged3("has bases but no dictionary codec");
  const payloadAt = SEGMENT_HEADER_BYTES + baseCount * CHUNK_ID_BYTES;
  if (segment.length < payloadAt) throw damaged3("is shorter than its bases");
  return {
    codec: codec === CODEC_ZSTD ? "zstd" : "stored",
    depth,
    plain,
    bases: segment.subarray(SEGMENT_HEADER_BYTES, payloadAt),
    payloadAt
  };
}
function decodeSegment(zstd, segment, header, into, dictionary) {
  assert(header.depth > 0 === (dictionary !== void 0), "a delta segment, and no other, has a dictionary");
  assert(
    into.length >= header.plain || header.codec === "stored",
    "a decoded segment fits where it is written"
  );
  const payload = segment.subarray(header.payloadAt);
  if (header.codec === "stored") {
    if (payload.length !== header.plain)
      throw damaged3(`stores ${payload.length} bytes and declares ${header.plain}`);
    return payload;
  }
  const room = into.subarray(0, header.plain);
  const length = dictionary === void 0 ? zstd.decompress(payload, room) : zstd.decompressWithDictionary(payload, dictionary, room);
  if (length !== header.plain) throw damaged3(`decodes to ${length} bytes and declares ${header.plain}`);
  return room;
}
function damaged3(why) {
  return new SnapError("OBJECT_DAMAGED", `a segment ${why}`);
}

// src/snapshot/content.ts
var CHUNK_ITEM = 1;
var HOLE_ITEM = 2;
var CHUNK_ITEM_BYTES = 1 + CHUNK_ID_BYTES;
var EMPTY_CONTENT = { levels: 0, items: new Uint8Array(0) };
function writeContent(writer, content) {
  writer.u8(content.levels).bytes(content.items);
}
function encodeContent(content) {
  const writer = new ByteWriter(content.items.length + 8);
  writeContent(writer, content);
  return writer.done();
}
function readContent(reader) {
  const levels = reader.u8();
  if (levels > CONTENT_LEVELS_MAX) throw new SnapError("LIMIT_EXCEEDED", `content with ${levels} levels`);
  return { levels, items: reader.bytes(CONTENT_INLINE_BYTES_MAX) };
}
function* readItems(items) {
  const reader = new ByteReader(items, "content items");
  while (reader.left > 0) {
    const tag2 = reader.u8();
    if (tag2 === CHUNK_ITEM) yield { chunk: chunkId(reader.raw(CHUNK_ID_BYTES)) };
    else if (tag2 === HOLE_ITEM) yield { hole: reader.u64() || reader.fail("a hole of no bytes") };
    else reader.fail(`unknown content item ${tag2}`);
  }
}

// src/repository/chunk-reader.ts
var PART_BYTES_LEAST = 512;
var SMALL_PARTS_MAX = 1024;
var CACHE_BYTES_MAX = 32 * 1024 * 1024;
var ChunkReader = class {
  #parts;
  #cache = /* @__PURE__ */ new Map();
  #cached = 0;
  #computed = new Uint8Array(CHUNK_ID_BYTES);
  constructor(parts) {
    this.#parts = parts;
  }
  /** The chunk's bytes, checked against its id: a view that stays valid. `OBJECT_MISSING` where nothing holds it. */
  async chunk(id) {
    try {
      return await this.#chunk(id, { segments: 0 }, Number.POSITIVE_INFINITY);
    } catch (error) {
      if (!hasCode(error, "OBJECT_MISSING") || !await this.#parts.refresh()) throw error;
      return await this.#chunk(id, { segments: 0 }, Number.POSITIVE_INFINITY);
    }
  }
  /** Plaintext bytes of a chunk, without reading it; `undefined` where nothing holds it. */
  lengthOf(id) {
    return this.#parts.manifest.chunks.locate(id)?.bytes;
  }
  /** Whether these bytes are the chunk. */
  matches(bytes, id) {
    this.#parts.hasher.hashInto(bytes, this.#computed, 0);
    return Buffer.compare(this.#computed, id) === 0;
  }
  /** The best place first; the others, untrusted ones among them, where it fails: the hash decides. */
  async #chunk(id, budget, depthBelow) {
    const { chunks } = this.#parts.manifest;
    const best = chunks.locate(id);
    let failure;
    if (best !== void 0) {
      try {
        return await this.#at(best, id, budget, depthBelow);
      } catch (error) {
        failure = damageOf(error);
      }
    }
    for (const place of chunks.locations(id)) {
      if (place.pack === best?.pack && place.segment === best.segment && place.offset === best.offset)
        continue;
      try {
        return await this.#at(place, id, budget, depthBelow);
      } catch (error) {
        failure ??= damageOf(error);
      }
    }
    if (failure !== void 0) throw failure;
    throw new SnapError("OBJECT_MISSING", `chunk ${toHex(id)} is in no pack that the repository has`);
  }
  async #at(place, id, budget, depthBelow) {
    const segment = await this.#segment(place, budget, depthBelow);
    const bytes = segment.subarray(place.offset, place.offset + place.bytes);
    if (bytes.length === place.bytes && this.matches(bytes, id)) return bytes;
    throw new SnapError("OBJECT_DAMAGED", `pack ${place.packId}: chunk ${toHex(id)} does not match its id`);
  }
  /** The joined bases of a delta segment, in its order. */
  async dictionaryOf(pack, number) {
    const row = this.#parts.manifest.packs.segmentOf(pack, number);
    if (row === void 0)
      throw new SnapError("MANIFEST_FAILED", "the manifest lacks a segment that it names");
    return this.#dictionary(row.bases, row.depth, { segments: 1 });
  }
  async #segment(location, budget, depthBelow) {
    if (location.depth >= depthBelow) {
      throw new SnapError("OBJECT_DAMAGED", `pack ${location.packId}: a base is as deep as what needs it`);
    }
    const name = `${location.pack}/${location.segment}`;
    const cached = this.#cache.get(name);
    if (cached !== void 0) {
      this.#cache.delete(name);
      this.#cache.set(name, cached);
      return cached;
    }
    budget.segments += 1;
    if (budget.segments > SEGMENT_CLOSURE_MAX) {
      throw new SnapError(
        "LIMIT_EXCEEDED",
        `pack ${location.packId}: a segment needs more than ${SEGMENT_CLOSURE_MAX} others`
      );
    }
    const decoded2 = await this.#decode(location, budget);
    this.#keep(name, decoded2);
    return decoded2;
  }
  async #decode(location, budget) {
    const { storage: storage2, manifest, keyring, zstd } = this.#parts;
    const row = manifest.packs.segmentOf(location.pack, location.segment);
    if (row === void 0)
      throw new SnapError("MANIFEST_FAILED", "the manifest has a chunk without its segment");
    const opened = await (await keyring()).of(location.packId);
    const sealed = await storage2.read(packKey(location.packId), { offset: row.offset, bytes: row.sealed });
    const segment = openPackSegment(location.packId, opened.header, opened, location.segment, sealed);
    const header = readSegmentHeader(segment);
    if (header.depth !== row.depth || header.plain !== row.plain || Buffer.compare(header.bases, row.bases) !== 0) {
      throw new SnapError(
        "OBJECT_DAMAGED",
        `pack ${location.packId}: segment ${location.segment} differs from the index`
      );
    }
    const dictionary = header.depth === 0 ? void 0 : await this.#dictionary(header.bases, header.depth, budget);
    return decodeSegment(zstd(), segment, header, new Uint8Array(header.plain), dictionary);
  }
  async #dictionary(bases, depth, budget) {
    const parts = [];
    let bytes = 0;
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const base = await this.#chunk(bases.subarray(at, at + CHUNK_ID_BYTES), budget, depth);
      bytes += base.length;
      if (bytes > DICTIONARY_BYTES_MAX)
        throw new SnapError("LIMIT_EXCEEDED", `a dictionary above ${DICTIONARY_BYTES_MAX} bytes`);
      parts.push(base);
    }
    return Buffer.concat(parts);
  }
  #keep(name, segment) {
    this.#cache.set(name, segment);
    this.#cached += segment.length;
    for (const [oldest, bytes] of this.#cache) {
      if (this.#cached <= CACHE_BYTES_MAX || oldest === name) break;
      this.#cache.delete(oldest);
      this.#cached -= bytes.length;
    }
  }
  /** The chunks and holes of a content in order, whatever its levels. `onList` gets the id of each chunk that holds a list. */
  async *items(content, onList) {
    if (content.levels === 0) {
      yield* readItems(content.items);
      return;
    }
    yield* this.#lower(content.levels, content.items, onList);
  }
  async *#lower(levels, items, onList) {
    let carried = new Uint8Array(0);
    for (const item of readItems(items)) {
      if ("hole" in item) throw new SnapError("OBJECT_DAMAGED", "a hole in a list of lists");
      onList?.(item.chunk);
      const bytes = Buffer.concat([carried, await this.chunk(item.chunk)]);
      const whole = wholeItems(bytes);
      carried = bytes.subarray(whole);
      const part = bytes.subarray(0, whole);
      if (levels === 1) yield* readItems(part);
      else yield* this.#lower(levels - 1, part, onList);
    }
    if (carried.length > 0) throw new SnapError("OBJECT_DAMAGED", "a list of chunks ends within an item");
  }
  /** All bytes of an encoded directory; `LIMIT_EXCEEDED` above `bytesMax`, or where it is made of too many small chunks. */
  async bytes(content, bytesMax) {
    const parts = [];
    let total = 0;
    for await (const item of this.items(content)) {
      if ("hole" in item) throw new SnapError("OBJECT_DAMAGED", "a hole in a directory");
      const part = await this.chunk(item.chunk);
      total += part.length;
      if (total > bytesMax) throw new SnapError("LIMIT_EXCEEDED", `content above ${bytesMax} bytes`);
      if (parts.push(part) > SMALL_PARTS_MAX && total < parts.length * PART_BYTES_LEAST) {
        throw new SnapError("LIMIT_EXCEEDED", `${parts.length} chunks for ${total} bytes of a directory`);
      }
    }
    return parts.length === 1 && parts[0] !== void 0 ? parts[0] : Buffer.concat(parts);
  }
};
function wholeItems(bytes) {
  let at = 0;
  for (; ; ) {
    const length = bytes[at] === 2 ? 9 : CHUNK_ID_BYTES + 1;
    if (at + length > bytes.length || at >= bytes.length) return at;
    at += length;
  }
}
function damageOf(error) {
  if (hasCode(error, "OBJECT_DAMAGED", "OBJECT_MISSING", "LIMIT_EXCEEDED")) return error;
  throw error;
}

// src/log/log-state.ts
var PROBLEM_REASONS = [
  "unreadable",
  // the object is absent, or longer than any entry
  "unopened",
  // it does not authenticate
  "undecodable",
  // its bytes are no entry of any known kind
  "unsigned",
  // the signature is not the author's
  "list-unreadable",
  // the list object that it names is absent, damaged or another
  "unauthorized",
  // the author may not write this kind
  "contradiction",
  // it says what cannot be, as a snapshot id that exists
  "chain-broken"
  // it does not follow the object that is before it now: something was replaced or removed
];
var NO_HASH = new Uint8Array(HASH_BYTES2);
function emptyState(firstAdmin) {
  return {
    next: 0,
    lastHash: NO_HASH,
    keys: /* @__PURE__ */ new Map([[toHex(firstAdmin), { publicKey: firstAdmin, role: "admin", name: "" }]]),
    snapshots: /* @__PURE__ */ new Map(),
    indexes: /* @__PURE__ */ new Map(),
    condemnedIndexes: /* @__PURE__ */ new Set(),
    condemnedPacks: /* @__PURE__ */ new Set(),
    quarantined: /* @__PURE__ */ new Set(),
    attested: /* @__PURE__ */ new Set(),
    problems: []
  };
}

// src/log/payloads.ts
var KEY_ROLES = ["revoked", "admin", "reader", "writer"];
var KEY_NAME_BYTES_MAX = 1024;
function encodePayload(payload) {
  const writer = new ByteWriter();
  switch (payload.kind) {
    case "commit":
      return encodeCommit(writer, payload);
    case "forget":
    case "unforget":
    case "hold":
    case "unhold":
      writeIds(writer, payload.snapshots);
      break;
    case "gc":
      writeIds(writer, payload.packs);
      writeIds(writer, payload.indexes);
      writeReferences(writer, payload.newIndexes);
      writeIds(writer, payload.snapshots);
      break;
    case "quarantine":
    case "attest":
      writeIds(writer, payload.packs);
      break;
    case "keys":
      writeKeys(writer, payload.keys);
      break;
    case "note":
      writer.bytes(payload.sealed);
      break;
    case "checkpoint":
      writer.raw(payload.state);
      break;
    case "tag":
      writer.varint(payload.tags.length);
      for (const { snapshot, sealed } of payload.tags) writer.raw(fromHex(snapshot)).bytes(sealed);
      break;
    default:
      unreachable(payload);
  }
  return writer.done();
}
function decodePayload(kind, bytes, name) {
  const reader = new ByteReader(bytes, name);
  const payload = readPayload(kind, reader, bytes);
  reader.end();
  return payload;
}
function readPayload(kind, reader, bytes) {
  switch (kind) {
    case "commit":
      return readCommit(reader, bytes);
    case "forget":
    case "unforget":
    case "hold":
    case "unhold":
      return { kind, snapshots: readIds(reader, snapshotId) };
    case "gc":
      return {
        kind,
        packs: readIds(reader, packId),
        indexes: readIds(reader, indexId),
        newIndexes: readReferences(reader),
        snapshots: readIds(reader, snapshotId)
      };
    case "quarantine":
    case "attest":
      return { kind, packs: readIds(reader, packId) };
    case "keys":
      return { kind, keys: readKeys(reader) };
    case "note":
      return { kind, sealed: copy(reader.bytes(LOG_LIST_BYTES_MAX)) };
    case "checkpoint":
      return { kind, state: copy(reader.raw(reader.left)) };
    case "tag":
      return { kind, tags: readTags(reader) };
    default:
      return unreachable(kind);
  }
}
function encodeCommit(writer, commit2) {
  writer.raw(fromHex(commit2.snapshot)).raw(fromHex(commit2.series)).i64(commit2.headRead).i64(commit2.timeMs);
  writer.raw(commit2.root);
  writeReferences(writer, commit2.indexes);
  return writer.bytes(commit2.details).done();
}
function readCommit(reader, bytes) {
  return {
    kind: "commit",
    snapshot: snapshotId(toHex(reader.raw(ID_BYTES))),
    series: seriesId(toHex(reader.raw(ID_BYTES))),
    headRead: reader.i64(),
    timeMs: reader.i64(),
    root: readRoot(reader, bytes),
    indexes: readReferences(reader),
    details: copy(reader.bytes(LOG_LIST_BYTES_MAX))
  };
}
function readRoot(reader, bytes) {
  const start = reader.position;
  const levels = reader.u8();
  if (levels > CONTENT_LEVELS_MAX) throw new SnapError("LIMIT_EXCEEDED", `a root tree with ${levels} levels`);
  reader.bytes(CONTENT_INLINE_BYTES_MAX);
  return copy(bytes.subarray(start, reader.position));
}
function writeIds(writer, ids) {
  writer.varint(ids.length);
  for (const id of ids) writer.raw(fromHex(id));
}
function readIds(reader, parse) {
  const count = reader.count(LOG_LIST_BYTES_MAX, ID_BYTES);
  return Array.from({ length: count }, () => parse(toHex(reader.raw(ID_BYTES))));
}
function writeReferences(writer, references) {
  writer.varint(references.length);
  for (const { id, hash: hash2 } of references) writer.raw(fromHex(id)).raw(hash2);
}
function readReferences(reader) {
  const count = reader.count(LOG_LIST_BYTES_MAX, ID_BYTES + HASH_BYTES2);
  return Array.from({ length: count }, () => ({
    id: indexId(toHex(reader.raw(ID_BYTES))),
    hash: copy(reader.raw(HASH_BYTES2))
  }));
}
function readTags(reader) {
  const count = reader.count(LOG_LIST_BYTES_MAX, ID_BYTES + 1);
  return Array.from({ length: count }, () => ({
    snapshot: snapshotId(toHex(reader.raw(ID_BYTES))),
    sealed: copy(reader.bytes(LOG_LIST_BYTES_MAX))
  }));
}
function writeKeys(writer, keys) {
  writer.varint(keys.length);
  for (const { publicKey, role, name } of keys) {
    writer.raw(publicKey).u8(KEY_ROLES.indexOf(role)).bytes(encodeText(name));
  }
}
function readKeys(reader) {
  const count = reader.count(LOG_LIST_BYTES_MAX, SIGNING_PUBLIC_KEY_BYTES + 2);
  return Array.from({ length: count }, () => ({
    publicKey: copy(reader.raw(SIGNING_PUBLIC_KEY_BYTES)),
    role: KEY_ROLES[reader.u8()] ?? reader.fail("unknown role"),
    name: decodeText(reader.bytes(KEY_NAME_BYTES_MAX), "the name of a key")
  }));
}
function copy(bytes) {
  return new Uint8Array(bytes);
}

// src/log/checkpoint.ts
var CHECKPOINT_VERSION = 1;
var FORGOTTEN = 1;
var HELD = 2;
var TAGGED = 4;
var SNAPSHOT_BYTES_MIN = 2 * ID_BYTES + SIGNING_PUBLIC_KEY_BYTES + 22;
var INDEX_BYTES_MIN = ID_BYTES + HASH_BYTES2 + SIGNING_PUBLIC_KEY_BYTES + 2;
function encodeState(state2) {
  const writer = new ByteWriter(65536).u8(CHECKPOINT_VERSION).u64(state2.next).raw(state2.lastHash);
  writeKeys(
    writer,
    sortedByKey(state2.keys).map(([, key]) => key)
  );
  writer.varint(state2.snapshots.size);
  for (const snapshot of state2.snapshots.values()) writeSnapshot(writer, snapshot);
  writer.varint(state2.indexes.size);
  for (const [id, index] of sortedByKey(state2.indexes)) {
    writer.raw(fromHex(id)).raw(index.hash).varint(index.number);
    writer.raw(fromHex(index.author)).u8(index.trusted ? 1 : 0);
  }
  const { condemnedIndexes, condemnedPacks, quarantined, attested } = state2;
  for (const ids of [condemnedIndexes, condemnedPacks, quarantined, attested])
    writeIds(writer, [...ids].sort());
  writer.varint(state2.problems.length);
  for (const { number, reason } of state2.problems) {
    writer.varint(number).u8(PROBLEM_REASONS.indexOf(reason) + 1);
  }
  return writer.done();
}
function decodeState(bytes, name) {
  const reader = new ByteReader(bytes, name);
  const version = reader.u8();
  if (version !== CHECKPOINT_VERSION) reader.fail(`checkpoint version ${version} is not known`);
  const state2 = {
    next: reader.u64(),
    lastHash: copy(reader.raw(HASH_BYTES2)),
    keys: new Map(readKeys(reader).map((key) => [toHex(key.publicKey), key])),
    snapshots: new Map(readSnapshots(reader, bytes).map((snapshot) => [snapshot.id, snapshot])),
    indexes: new Map(readIndexes(reader)),
    condemnedIndexes: new Set(readIds(reader, indexId)),
    condemnedPacks: new Set(readIds(reader, packId)),
    quarantined: new Set(readIds(reader, packId)),
    attested: new Set(readIds(reader, packId)),
    problems: readProblems(reader)
  };
  reader.end();
  if (Buffer.compare(encodeState(state2), bytes) !== 0) reader.fail("not in its one order");
  return state2;
}
function writeSnapshot(writer, snapshot) {
  const { id, series, number, author, timeMs, committedMs, forgotten, held, tags } = snapshot;
  writer.raw(fromHex(id)).raw(fromHex(series)).varint(number).raw(fromHex(author)).i64(timeMs).i64(committedMs);
  writer.u8((forgotten === void 0 ? 0 : FORGOTTEN) | (held ? HELD : 0) | (tags === void 0 ? 0 : TAGGED));
  if (forgotten !== void 0) writer.varint(forgotten.number).i64(forgotten.timeMs);
  if (tags !== void 0) writer.bytes(tags);
  writer.raw(snapshot.root);
  writeReferences(writer, snapshot.indexes);
  writer.bytes(snapshot.details);
}
function readSnapshots(reader, bytes) {
  const count = reader.count(LOG_LIST_BYTES_MAX, SNAPSHOT_BYTES_MIN);
  return Array.from({ length: count }, () => readSnapshot(reader, bytes));
}
function readSnapshot(reader, bytes) {
  const who = {
    id: snapshotId(toHex(reader.raw(ID_BYTES))),
    series: seriesId(toHex(reader.raw(ID_BYTES))),
    number: reader.varint(),
    author: toHex(reader.raw(SIGNING_PUBLIC_KEY_BYTES)),
    timeMs: reader.i64(),
    committedMs: reader.i64()
  };
  const flags = reader.u8();
  if (flags > (FORGOTTEN | HELD | TAGGED)) reader.fail(`unknown flags ${flags} of a snapshot`);
  const forgotten = (flags & FORGOTTEN) === 0 ? void 0 : { number: reader.varint(), timeMs: reader.i64() };
  const held = (flags & HELD) !== 0;
  const tags = (flags & TAGGED) === 0 ? void 0 : copy(reader.bytes(LOG_LIST_BYTES_MAX));
  const root = readRoot(reader, bytes);
  const indexes = readReferences(reader);
  return { ...who, forgotten, held, tags, root, indexes, details: copy(reader.bytes(LOG_LIST_BYTES_MAX)) };
}
function readIndexes(reader) {
  const count = reader.count(LOG_LIST_BYTES_MAX, INDEX_BYTES_MIN);
  return Array.from({ length: count }, () => {
    const id = indexId(toHex(reader.raw(ID_BYTES)));
    const hash2 = copy(reader.raw(HASH_BYTES2));
    const number = reader.varint();
    const author = toHex(reader.raw(SIGNING_PUBLIC_KEY_BYTES));
    return [id, { hash: hash2, number, author, trusted: reader.u8() === 1 }];
  });
}
function readProblems(reader) {
  const count = reader.count(LOG_LIST_BYTES_MAX, 2);
  return Array.from({ length: count }, () => ({
    number: reader.varint(),
    reason: PROBLEM_REASONS[reader.u8() - 1] ?? reader.fail("unknown reason")
  }));
}
function sortedByKey(map) {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}

// src/log/details.ts
var DETAILS_BYTES_MAX = 4194304;
var UNREADABLE_MAX = 100;
function openDetails(box2, keys, sealed) {
  return validateDetails(openJson(box2, keys, sealed));
}
function openTags(box2, keys, sealed) {
  return texts(object(openJson(box2, keys, sealed), "tags")["tags"], "tags");
}
function openJson(box2, keys, sealed) {
  const json = box2.open(keys.contentPublic, keys.contentSecret, sealed);
  checkBytes(json.length);
  try {
    return JSON.parse(decodeText(json, "sealed JSON"));
  } catch (cause) {
    throw new SnapError("OBJECT_DAMAGED", "sealed JSON does not parse", { cause });
  }
}
function validateDetails(value) {
  const fields = object(value, "details");
  const program = object(fields.program, "program");
  const unreadable = array(fields.unreadable, "unreadable");
  checkUnreadable(unreadable.length);
  return {
    hostname: text(fields.hostname, "hostname"),
    username: text(fields.username, "username"),
    paths: texts(fields.paths, "paths"),
    tags: texts(fields.tags, "tags"),
    ...optional("label", fields.label),
    ...optional("job", fields.job),
    program: { name: text(program.name, "program"), version: text(program.version, "program") },
    excludes: texts(fields.excludes, "excludes"),
    incomplete: boolean(fields.incomplete, "incomplete"),
    unreadable: unreadable.map(unreadablePath),
    summary: numbers(fields.summary, "summary"),
    ...optional("original", fields.original),
    ...fields.place === void 0 ? {} : { place: logPlace(fields.place) }
  };
}
function logPlace(value) {
  const { number, committedMs } = numbers(value, "place");
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(committedMs)) throw wrongType("place");
  return { number: Number(number), committedMs: Number(committedMs) };
}
function unreadablePath(value) {
  const fields = object(value, "unreadable");
  return { path: text(fields.path, "unreadable"), reason: text(fields.reason, "unreadable") };
}
function optional(name, value) {
  return value === void 0 ? {} : { [name]: text(value, name) };
}
function object(value, what) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value;
  }
  throw wrongType(what);
}
function array(value, what) {
  if (Array.isArray(value)) return value;
  throw wrongType(what);
}
function text(value, what) {
  if (typeof value === "string") return value;
  throw wrongType(what);
}
function texts(value, what) {
  return array(value, what).map((item) => text(item, what));
}
function boolean(value, what) {
  if (typeof value === "boolean") return value;
  throw wrongType(what);
}
function numbers(value, what) {
  return Object.fromEntries(
    Object.entries(object(value, what)).map(([name, item]) => {
      if (typeof item !== "number" || !Number.isFinite(item)) throw wrongType(what);
      return [name, item];
    })
  );
}
function wrongType(what) {
  return new SnapError("OBJECT_DAMAGED", `the details of a snapshot: ${what} is absent or of another type`);
}
function checkBytes(bytes) {
  if (bytes <= DETAILS_BYTES_MAX) return;
  throw new SnapError("LIMIT_EXCEEDED", `details of ${bytes} bytes; ${DETAILS_BYTES_MAX} are allowed`);
}
function checkUnreadable(count) {
  if (count <= UNREADABLE_MAX) return;
  throw new SnapError("LIMIT_EXCEEDED", `${count} unreadable paths; ${UNREADABLE_MAX} are allowed`);
}

// src/log/entry.ts
var LOG_KINDS = [
  "commit",
  "forget",
  "unforget",
  "gc",
  "quarantine",
  "attest",
  "keys",
  "note",
  "checkpoint",
  "hold",
  "unhold",
  "tag"
];
var SIGNATURE_LABEL = encodeText("snapkeep v1 log entry");
var RESERVED_BYTES3 = 6;
var REFERENCE_BYTES = ID_BYTES + HASH_BYTES2;
function signEntry(fields, repository, signingSeed) {
  const { kind, number, previous, timeMs, payload } = fields;
  assert(previous.length === HASH_BYTES2, "the hash of the object before has 32 bytes");
  const elsewhere = "list" in payload;
  const bytes = elsewhere ? new ByteWriter(REFERENCE_BYTES).raw(fromHex(payload.list.id)).raw(payload.list.hash).done() : payload.inline;
  const writer = new ByteWriter(256 + bytes.length).u8(LOG_KINDS.indexOf(kind) + 1).u8(elsewhere ? 1 : 0).zeros(RESERVED_BYTES3).u64(number).raw(previous).i64(timeMs).raw(signaturePublicKey(signingSeed)).u32(bytes.length).raw(bytes);
  const body = writer.raw(sign(signingSeed, signedMessage(repository, writer.view()))).done();
  assert(body.length <= LOG_ENTRY_BYTES_MAX, "a log entry within its limit");
  return body;
}
function decodeEntry(body, number) {
  const reader = new ByteReader(body, logKey(number));
  const kind = LOG_KINDS[reader.u8() - 1] ?? reader.fail("unknown kind");
  const elsewhere = reader.u8();
  if (elsewhere > 1) reader.fail("payload neither here nor elsewhere");
  reader.zeros(RESERVED_BYTES3);
  const own = reader.u64();
  if (own !== number) reader.fail(`holds entry ${own}`);
  const previous = new Uint8Array(reader.raw(HASH_BYTES2));
  const timeMs = reader.i64();
  const author = new Uint8Array(reader.raw(SIGNING_PUBLIC_KEY_BYTES));
  const bytes = reader.raw(reader.u32());
  reader.raw(SIGNATURE_BYTES);
  reader.end();
  const payload = elsewhere === 1 ? { list: readReference(bytes, number) } : { inline: bytes };
  return { kind, number, previous, timeMs, author, payload };
}
function isSigned(entry, body, repository) {
  const signedBytes = body.length - SIGNATURE_BYTES;
  const message = signedMessage(repository, body.subarray(0, signedBytes));
  return verifySignature(entry.author, message, body.subarray(signedBytes));
}
function sealEntry(body, number, secrets, random) {
  return sealNamed({ ...placeOf(number, secrets), body, random });
}
function openEntry(bytes, number, secrets) {
  return openNamed({ ...placeOf(number, secrets), bytes, bodyBytesMax: LOG_ENTRY_BYTES_MAX });
}
function placeOf(number, { repositoryId: repositoryId2, logKey: secret }) {
  return { repositoryId: repositoryId2, type: "log", key: logKey(number), secret };
}
function readReference(bytes, number) {
  const reader = new ByteReader(bytes, `list reference of ${logKey(number)}`);
  const reference = {
    id: listId(toHex(reader.raw(ID_BYTES))),
    hash: new Uint8Array(reader.raw(HASH_BYTES2))
  };
  reader.end();
  return reference;
}
function signedMessage(repository, bytes) {
  return Buffer.concat([SIGNATURE_LABEL, fromHex(repository), bytes]);
}

// src/log/read-entry.ts
function readEntry(raw, secrets) {
  const { number, bytes } = raw;
  if (bytes === void 0) return "unreadable";
  const body = attempt(() => openEntry(bytes, number, secrets));
  if (body === void 0) return "unopened";
  const entry = attempt(() => decodeEntry(body, number));
  if (entry === void 0) return "undecodable";
  if (!isSigned(entry, body, secrets.repositoryId)) return "unsigned";
  const payloadBytes = "inline" in entry.payload ? entry.payload.inline : openList(raw.list, entry.payload.list, secrets);
  if (payloadBytes === void 0) return "list-unreadable";
  const payload = attempt(() => decodePayload(entry.kind, payloadBytes, logKey(number)));
  return payload === void 0 ? "undecodable" : { entry, payload };
}
function listNamedBy(bytes, number, secrets) {
  const entry = attempt(() => decodeEntry(openEntry(bytes, number, secrets), number));
  return entry !== void 0 && "list" in entry.payload ? entry.payload.list : void 0;
}
function sealList(payload, id, secrets, random) {
  const { repositoryId: repositoryId2, logKey: secret } = secrets;
  return sealNamed({ repositoryId: repositoryId2, type: "list", key: listKey(id), secret, body: payload, random });
}
function openList(bytes, { id, hash: expected }, secrets) {
  if (bytes === void 0 || !constantTimeEqual(hash(bytes), expected)) return void 0;
  const place = { repositoryId: secrets.repositoryId, type: "list", key: listKey(id) };
  return attempt(
    () => openNamed({ ...place, secret: secrets.logKey, bytes, bodyBytesMax: LOG_LIST_BYTES_MAX })
  );
}
function attempt(run) {
  try {
    return run();
  } catch (error) {
    if (hasCode(error, "OBJECT_DAMAGED", "LIMIT_EXCEEDED")) return void 0;
    throw error;
  }
}

// src/log/fold.ts
var MAY_WRITE = {
  commit: ["admin", "writer"],
  forget: ["admin"],
  unforget: ["admin"],
  gc: ["admin"],
  quarantine: ["admin"],
  attest: ["admin", "reader"],
  keys: ["admin"],
  note: ["admin", "reader", "writer"],
  checkpoint: ["admin"],
  hold: ["admin"],
  unhold: ["admin"],
  tag: ["admin"]
};
function applyEntry(state2, raw, secrets) {
  assert(raw.number === state2.next, `entry ${state2.next} comes next, not ${raw.number}`);
  const read2 = readEntry(raw, secrets);
  const reasons = [];
  let applied;
  if (typeof read2 === "string") reasons.push(read2);
  else {
    if (!follows(read2.entry, state2)) reasons.push("chain-broken");
    const refusal = mayWrite(state2, read2) ? change(state2, read2) : "unauthorized";
    if (refusal === void 0) applied = read2;
    else reasons.push(refusal);
  }
  const problems = reasons.map((reason) => ({ number: raw.number, reason }));
  state2.problems.push(...problems);
  state2.next += 1;
  state2.lastHash = raw.bytes === void 0 ? NO_HASH : hash(raw.bytes);
  return { number: raw.number, hash: state2.lastHash, applied, problems };
}
function follows(entry, state2) {
  const unknown = state2.next > 0 && Buffer.compare(state2.lastHash, NO_HASH) === 0;
  return unknown || Buffer.compare(entry.previous, state2.lastHash) === 0;
}
function mayWrite(state2, { entry }) {
  const role = state2.keys.get(toHex(entry.author))?.role;
  return role !== void 0 && MAY_WRITE[entry.kind].includes(role);
}
function change(state2, { entry, payload }) {
  if (entry.number === 0 && payload.kind !== "keys") return "contradiction";
  switch (payload.kind) {
    case "commit":
      return commit(state2, entry, payload);
    case "forget":
      return forget(state2, entry, payload);
    case "unforget":
      return unforget(state2, payload);
    case "gc":
      return collect(state2, entry, payload);
    case "quarantine":
    case "attest":
      return judgePacks(state2, payload);
    case "keys":
      for (const key of payload.keys) state2.keys.set(toHex(key.publicKey), key);
      return void 0;
    case "note":
      return void 0;
    case "checkpoint":
      return isState(state2, payload) ? void 0 : "contradiction";
    case "hold":
    case "unhold":
      return hold(state2, payload);
    case "tag":
      return tag(state2, payload);
    default:
      return unreachable(payload);
  }
}
function commit(state2, entry, payload) {
  const { snapshot: id, series, timeMs, root, indexes, details } = payload;
  if (state2.snapshots.has(id) || payload.headRead < -1 || payload.headRead >= entry.number)
    return "contradiction";
  if (!indexes.every((index) => fits(state2, index))) return "contradiction";
  addIndexes(state2, entry, indexes);
  state2.snapshots.set(id, {
    id,
    series,
    timeMs,
    committedMs: entry.timeMs,
    number: entry.number,
    author: toHex(entry.author),
    root,
    indexes,
    details,
    tags: void 0,
    held: false,
    forgotten: void 0
  });
  return void 0;
}
function forget(state2, entry, payload) {
  const forgotten = { number: entry.number, timeMs: entry.timeMs };
  for (const id of payload.snapshots) {
    const snapshot = state2.snapshots.get(id);
    if (snapshot?.forgotten === void 0 && snapshot?.held === false) alter(state2, id, { forgotten });
  }
}
function hold(state2, { kind, snapshots }) {
  for (const id of snapshots) alter(state2, id, { held: kind === "hold" });
}
function tag(state2, payload) {
  for (const { snapshot, sealed } of payload.tags) alter(state2, snapshot, { tags: sealed });
}
function alter(state2, id, to) {
  const snapshot = state2.snapshots.get(id);
  if (snapshot !== void 0) state2.snapshots.set(id, { ...snapshot, ...to });
}
function unforget(state2, payload) {
  if (!payload.snapshots.every((id) => state2.snapshots.has(id))) return "contradiction";
  for (const id of payload.snapshots) alter(state2, id, { forgotten: void 0 });
  return void 0;
}
function collect(state2, entry, payload) {
  const condemned = new Set(payload.indexes);
  if (!payload.newIndexes.every((index) => fits(state2, index) && !condemned.has(index.id)))
    return "contradiction";
  for (const id of payload.indexes) {
    state2.indexes.delete(id);
    state2.condemnedIndexes.add(id);
  }
  addIndexes(state2, entry, payload.newIndexes);
  for (const id of payload.packs) {
    state2.condemnedPacks.add(id);
    state2.quarantined.delete(id);
    state2.attested.delete(id);
  }
  for (const id of payload.snapshots) if (mayBePruned(state2.snapshots.get(id))) state2.snapshots.delete(id);
  return void 0;
}
function mayBePruned(snapshot) {
  return snapshot?.forgotten !== void 0 && !snapshot.held;
}
function judgePacks(state2, payload) {
  const judge = (id) => {
    if (payload.kind === "attest") {
      if (!state2.quarantined.has(id)) state2.attested.add(id);
      return;
    }
    state2.quarantined.add(id);
    state2.attested.delete(id);
  };
  for (const id of payload.packs) if (!state2.condemnedPacks.has(id)) judge(id);
}
function isState(state2, payload) {
  return Buffer.compare(encodeState(state2), payload.state) === 0;
}
function fits(state2, { id, hash: expected }) {
  const known = state2.indexes.get(id);
  if (known !== void 0) return Buffer.compare(known.hash, expected) === 0;
  return !state2.condemnedIndexes.has(id);
}
function addIndexes(state2, entry, indexes) {
  const author = toHex(entry.author);
  const trusted = state2.keys.get(author)?.role === "admin";
  for (const { id, hash: bytesHash } of indexes) {
    if (state2.indexes.has(id)) continue;
    state2.indexes.set(id, { hash: bytesHash, number: entry.number, author, trusted });
  }
}

// src/log/log.ts
var ENTRIES_IN_FLIGHT_MAX = 16;
var LOG_GAP_MAX = 1e3;
async function findHead(storage2, known = -1) {
  const exists2 = async (number) => Number.isSafeInteger(number) && await storage2.stat(logKey(number)) !== void 0;
  let head = known;
  let step = 1;
  while (await exists2(head + step)) {
    head += step;
    step *= 2;
  }
  let absent = head + step;
  while (absent - head > 1) {
    const middle = head + Math.floor((absent - head) / 2);
    if (await exists2(middle)) head = middle;
    else absent = middle;
  }
  return head;
}
async function* readEntries(log2, from, head) {
  let absent = 0;
  for (let start = from; start <= head && absent < LOG_GAP_MAX; start += ENTRIES_IN_FLIGHT_MAX) {
    const count = Math.min(ENTRIES_IN_FLIGHT_MAX, head - start + 1);
    const numbers2 = Array.from({ length: count }, (_, index) => start + index);
    const entries = await Promise.all(numbers2.map((number) => readStored(log2.storage, number)));
    for (const [index, stored] of entries.entries()) {
      const number = start + index;
      if (stored === "absent") {
        absent += 1;
        continue;
      }
      if (absent >= LOG_GAP_MAX) return;
      for (; absent > 0; absent--) yield { number: number - absent, bytes: void 0 };
      yield await withList(log2, number, bytesOf(stored));
    }
  }
  if (absent >= LOG_GAP_MAX) return;
  for (; absent > 0; absent--) yield { number: head - absent + 1, bytes: void 0 };
}
async function readEntryBytes(storage2, number) {
  return bytesOf(await readStored(storage2, number));
}
function readStored(storage2, number) {
  return readAtMost(storage2, logKey(number), sealedBytesMax(LOG_ENTRY_BYTES_MAX));
}
async function withList(log2, number, bytes) {
  const named = bytes && newerIsForTheFold(() => listNamedBy(bytes, number, log2));
  if (named === void 0) return { number, bytes };
  const list = bytesOf(await readAtMost(log2.storage, listKey(named.id), sealedBytesMax(LOG_LIST_BYTES_MAX)));
  return { number, bytes, list };
}
async function catchUp(log2, state2, onEntry = () => {
}) {
  const head = await findHead(log2.storage, state2.next - 1);
  for await (const raw of readEntries(log2, state2.next, head)) onEntry(applyEntry(state2, raw, log2));
}
async function checkExtends({ storage: storage2 }, seen) {
  const { number } = seen;
  const bytes = await readEntryBytes(storage2, number);
  if (bytes !== void 0 && Buffer.compare(hash(bytes), seen.hash) === 0) return;
  const what = bytes === void 0 ? "is no longer there" : "is another now";
  const head = await findHead(storage2);
  const end = head < 0 ? "the log is empty" : `the log ends with entry ${head}`;
  const message = `log entry ${number}, which this machine has seen, ${what}: ${end}`;
  throw new SnapError("REPOSITORY_ROLLED_BACK", message, {
    hint: "This is an older copy of the repository, or its newest entries were removed. Find out why; `snap manifest rebuild --accept-rollback` accepts it. To look into a copy, name another --cache-dir."
  });
}
async function preparePayload(log2, payload, random) {
  const { kind } = payload;
  const inline = encodePayload(payload);
  decodePayload(kind, inline, "a payload to write");
  if (Buffer.compare(encodePayload(payload), inline) !== 0) throw spoiled(kind);
  if (inline.length <= LOG_PAYLOAD_INLINE_BYTES_MAX) return { kind, payload: { inline } };
  if (inline.length > LOG_LIST_BYTES_MAX) {
    throw new SnapError(
      "LIMIT_EXCEEDED",
      `a log entry of ${inline.length} bytes; ${LOG_LIST_BYTES_MAX} are allowed`
    );
  }
  const id = listId(toHex(random.bytes(ID_BYTES)));
  const list = sealList(inline, id, log2, random);
  await log2.storage.put(listKey(id), [list]);
  return { kind, payload: { list: { id, hash: hash(list) } }, list };
}
function spoiled(kind) {
  return new SnapError("OBJECT_DAMAGED", `a log entry (${kind}) did not survive being encoded`, {
    hint: "Nothing was written. Memory or processor of this machine may be faulty: test them."
  });
}
async function appendEntry(log2, state2, draft) {
  const number = state2.next;
  const { kind, payload, list } = draft.prepared;
  const fields = { kind, number, previous: state2.lastHash, timeMs: draft.timeMs, payload };
  const body = signEntry(fields, log2.repositoryId, draft.signingSeed);
  const bytes = sealEntry(body, number, log2, draft.random);
  const key = logKey(number);
  const won = await log2.storage.create(key, bytes) || await holds(log2.storage, key, bytes);
  return won ? { number, bytes, list } : void 0;
}
async function holds(storage2, key, bytes) {
  const stored = bytesOf(await readAtMost(storage2, key, sealedBytesMax(LOG_ENTRY_BYTES_MAX)));
  return stored !== void 0 && Buffer.compare(stored, bytes) === 0;
}
var bytesOf = (stored) => typeof stored === "string" ? void 0 : stored;
async function readAtMost(storage2, key, bytesMax) {
  const stat5 = await storage2.stat(key);
  if (stat5 === void 0) return "absent";
  if (stat5.bytes > bytesMax) return "too long";
  try {
    return await storage2.read(key);
  } catch (error) {
    if (hasCode(error, "OBJECT_MISSING")) return "absent";
    throw error;
  }
}
function newerIsForTheFold(run) {
  try {
    return run();
  } catch (error) {
    if (hasCode(error, "REPOSITORY_TOO_NEW")) return void 0;
    throw error;
  }
}

// src/pack/index-object.ts
var KIND_DATA2 = 1;
var KIND_TREE2 = 2;
var PACK_ROW_BYTES_MIN = ID_BYTES + 3;
var PACK_BYTES_MIN = PACK_HEADER_BYTES + AEAD_TAG_BYTES + PACK_TRAILER_BYTES;
function decodeIndex(body, name) {
  if (body.length > INDEX_BYTES_MAX) throw new SnapError("LIMIT_EXCEEDED", `${name}: ${body.length} bytes`);
  const reader = new ByteReader(body, name);
  const count = reader.count(INDEX_BYTES_MAX, PACK_ROW_BYTES_MIN);
  const packs2 = [];
  for (let index = 0; index < count; index++) {
    const id = packId(toHex(reader.raw(ID_BYTES)));
    const kind = reader.u8();
    if (kind !== KIND_DATA2 && kind !== KIND_TREE2) reader.fail(`unknown pack kind ${kind}`);
    const bytes = reader.varint();
    if (bytes > PACK_BYTES_MAX) throw new SnapError("LIMIT_EXCEEDED", `${name}: a pack of ${bytes} bytes`);
    const segments = readSegmentTable(reader, true);
    const least = segments.reduce((sum, { sealed }) => sum + sealed, PACK_BYTES_MIN);
    if (bytes < least) reader.fail(`pack ${id} has ${bytes} bytes and segments that need ${least}`);
    packs2.push({ id, kind: kind === KIND_DATA2 ? "data" : "tree", bytes, segments });
  }
  reader.end();
  return packs2;
}

// src/repository/read-index.ts
async function readIndex({ id: repositoryId2, storage: storage2, keys }, id, expected) {
  const key = indexKey(id);
  const bytes = await readObject(storage2, key, sealedBytesMax(INDEX_BYTES_MAX));
  if (Buffer.compare(hash(bytes), expected) !== 0) {
    throw new SnapError("OBJECT_DAMAGED", `${key} is not the index object that the log names`);
  }
  const place = { repositoryId: repositoryId2, type: "index", key, secret: keys.indexKey };
  const tables = decodeIndex(openNamed({ ...place, bytes, bodyBytesMax: INDEX_BYTES_MAX }), key);
  return { tables, bytes: bytes.length };
}

// src/repository/log-follower.ts
var APPEND_TRIES_MAX = 1e3;
var LogFollower = class {
  #parts;
  #log;
  #author;
  #state;
  #collections = 0;
  #appending = false;
  #refreshing;
  /** What another process on this manifest has read beyond this state. */
  #ahead;
  indexProblems = [];
  constructor(parts) {
    this.#parts = parts;
    this.#log = { storage: parts.storage, repositoryId: parts.id, logKey: parts.keys.logKey };
    this.#author = toHex(signaturePublicKey(parts.keys.signingSeed));
    this.#state = emptyState(parts.config.firstAdmin);
  }
  get state() {
    return this.#state;
  }
  /** How often packs were condemned or quarantined since this was opened: what was looked up before may be gone. */
  get collections() {
    return this.#collections;
  }
  /**
   * For a reader that misses a pack: follows the log, and returns whether packs were condemned since. `false` while an entry is
   * being added, when the log was followed just now.
   */
  refresh() {
    if (this.#appending) return Promise.resolve(false);
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = void 0;
    });
    return this.#refreshing;
  }
  async #refresh() {
    const before = this.#collections;
    await this.follow();
    return this.#collections > before;
  }
  /**
   * Takes up where this client was, checks that the log still goes on from there, and follows it to its head. The first admin
   * writes the first entry where there is none yet; `beforeFirst` is done before it.
   */
  async begin(beforeFirst = async () => void 0) {
    const { manifest, config } = this.#parts;
    const stored = manifest.meta.logState();
    if (stored !== void 0) {
      this.#state = decodeState(stored, "the manifest");
      if (this.#state.next > 0) {
        await checkExtends(this.#log, { number: this.#state.next - 1, hash: this.#state.lastHash });
      }
    }
    await this.follow();
    const isFirstAdmin = this.#author === toHex(config.firstAdmin);
    if (this.#state.next === 0 && isFirstAdmin) {
      await this.#refuseBeheaded();
      await beforeFirst();
      const publicKey = config.firstAdmin;
      await this.append(() => ({ kind: "keys", keys: [{ publicKey, role: "admin", name: "first admin" }] }));
    }
  }
  /** An entry 0 is written to an empty log only: one whose entries were removed would look like a new repository. */
  async #refuseBeheaded() {
    for (const prefix of [LOG_PREFIX, PACK_PREFIX]) {
      for await (const { key } of this.#parts.storage.list(prefix)) {
        if (logNumberOf(key) === void 0 && packIdOf(key) === void 0) continue;
        if (await this.#parts.storage.stat(logKey(0)) !== void 0) return;
        throw new SnapError("OBJECT_MISSING", `${logKey(0)} is missing, though ${key} is there`, {
          hint: "Bring the log back from a copy of the repository."
        });
      }
    }
  }
  /** Takes in what others have added; returns the applied entries. */
  async follow() {
    const entries = [];
    let found;
    do {
      found = entries.length;
      await catchUp(this.#log, this.#state, (entry) => entries.push(entry));
      await this.#takeIndexes();
    } while (this.indexProblems.length > 0 && entries.length > found);
    this.#collections += entries.filter(takesAway).length;
    await this.#record(entries);
    return entries;
  }
  /**
   * Adds an entry, however often others are faster; durable when it returns. `draft` is asked anew after each loss, and
   * may throw where the entries in between make the entry wrong. `indexes`: what this client stored and the entry names, so
   * that it need not be read.
   */
  async append(draft, indexes = () => []) {
    this.#appending = true;
    try {
      return await this.#append(draft, indexes);
    } finally {
      this.#appending = false;
    }
  }
  async #append(draft, indexes) {
    const { random, clock, keys } = this.#parts;
    let lost = [];
    for (let tries = 0; tries < APPEND_TRIES_MAX; tries++) {
      const prepared = await preparePayload(this.#log, await draft(this.#state, lost), random);
      const raw = await appendEntry(this.#log, this.#state, {
        prepared,
        timeMs: clock.now(),
        signingSeed: keys.signingSeed,
        random
      });
      if (raw !== void 0) {
        const entry = applyEntry(this.#state, raw, this.#log);
        if (takesAway(entry)) this.#collections += 1;
        await this.#record([entry], entry.applied === void 0 ? [] : indexes());
        if (entry.applied === void 0) {
          const reasons = entry.problems.map(({ reason }) => reason).join(", ");
          throw new SnapError("KEY_WRONG", `the repository does not accept this entry (${reasons})`, {
            hint: "The key in use may have been revoked or may not do this."
          });
        }
        return entry;
      }
      lost = await this.follow();
      assert(lost.length > 0, "who lost a slot finds the entry that took it");
    }
    throw new SnapError("STORAGE_FAILED", `gave up adding to the log after ${APPEND_TRIES_MAX} tries`);
  }
  /** What another process on this manifest has recorded meanwhile stays: it may know more than this state. */
  async #record(entries, indexes = []) {
    if (entries.length === 0) return;
    const { manifest } = this.#parts;
    const opened = await this.#open(entries);
    manifest.transaction(() => {
      if (this.#isBehindManifest()) return;
      const known = manifest.meta.head()?.number ?? -1;
      for (const index of indexes) this.#addIndex(index, index.packs);
      for (const entry of entries) {
        if (entry.number <= known) continue;
        this.#recordEntry(entry, opened);
        this.#reconcile(entry, opened);
      }
      manifest.meta.setLogState(encodeState(this.#state));
      manifest.meta.setHead(this.#state.next - 1, this.#state.lastHash);
    });
  }
  /** Another process on this manifest has recorded all that this one knows, and what it removed must not come back. */
  #isBehindManifest() {
    return (this.#parts.manifest.meta.head()?.number ?? -1) >= this.#state.next;
  }
  /** Whether a pack is condemned by any entry that this client or another process on its manifest has read. */
  isCondemned(pack) {
    if (this.#state.condemnedPacks.has(pack)) return true;
    if (!this.#isBehindManifest()) return false;
    const head = this.#parts.manifest.meta.head()?.number ?? -1;
    if (this.#ahead?.head !== head) {
      const stored = this.#parts.manifest.meta.logState();
      const state2 = stored === void 0 ? this.#state : decodeState(stored, "the manifest");
      this.#ahead = { head, condemnedPacks: state2.condemnedPacks };
    }
    return this.#ahead.condemnedPacks.has(pack);
  }
  /** Pending packs are live by now. */
  #addIndex({ id, hash: hash2, bytes }, packs2) {
    const { manifest } = this.#parts;
    manifest.packs.promote(packs2);
    const known = packs2.map((pack) => manifest.packs.byId(pack)?.no).filter((no) => no !== void 0);
    manifest.indexes.add({ id, hash: hash2, bytes, state: "live" }, known);
  }
  /** What is sealed to readers, for those who can read it. */
  async #open(entries) {
    const opened = { details: /* @__PURE__ */ new Map(), tags: /* @__PURE__ */ new Map() };
    const { keys, box: box2 } = this.#parts;
    const { contentSecret, contentPublic } = keys;
    const sealed = entries.filter(({ applied }) => /^(commit|tag)$/.test(applied?.payload.kind ?? ""));
    if (contentSecret === void 0 || sealed.length === 0) return opened;
    const opener = await box2();
    const pair = { contentPublic, contentSecret };
    for (const { number, applied } of sealed) {
      const payload = applied?.payload;
      if (payload?.kind === "commit") {
        const details = unlessNonsense(() => openDetails(opener, pair, payload.details));
        if (details !== void 0) opened.details.set(number, details);
      } else if (payload?.kind === "tag") {
        for (const { sealed: bytes } of payload.tags) {
          const tags = unlessNonsense(() => openTags(opener, pair, bytes));
          if (tags !== void 0) opened.tags.set(bytes, tags);
        }
      }
    }
    return opened;
  }
  #recordEntry(entry, opened) {
    const { manifest } = this.#parts;
    const { number, hash: entryHash, applied, problems } = entry;
    manifest.log.add({
      number,
      hash: entryHash,
      kind: applied === void 0 ? 0 : LOG_KINDS.indexOf(applied.entry.kind) + 1,
      author: applied?.entry.author ?? new Uint8Array(0),
      timeMs: applied?.entry.timeMs ?? 0,
      problem: problems.length === 0 ? null : problems.map(({ reason }) => reason).join(", ")
    });
    if (applied?.payload.kind !== "commit") return;
    const snapshot = this.#state.snapshots.get(applied.payload.snapshot);
    if (snapshot !== void 0) this.#recordSnapshot(snapshot, opened.details.get(number));
  }
  #recordSnapshot(snapshot, details) {
    this.#parts.manifest.snapshots.add({
      id: snapshot.id,
      number: snapshot.number,
      series: snapshot.series,
      timeMs: snapshot.timeMs,
      committedMs: snapshot.committedMs,
      host: details?.hostname ?? null,
      user: details?.username ?? null,
      paths: details?.paths ?? [],
      tags: details?.tags ?? [],
      label: details?.label ?? null,
      root: snapshot.root,
      rootTree: null,
      summary: details?.summary ?? null,
      details: details ?? null,
      forgottenMs: snapshot.forgotten?.timeMs ?? null,
      held: snapshot.held
    });
  }
  /** What entries other than commits change in tables that are there already. */
  #reconcile({ applied }, { tags }) {
    const { manifest } = this.#parts;
    const payload = applied?.payload;
    switch (payload?.kind) {
      case "forget":
      case "unforget":
      case "hold":
      case "unhold":
        for (const id of payload.snapshots) this.#reconcileSnapshot(id);
        return;
      case "gc":
        for (const id of payload.packs) this.#removePack(id);
        for (const id of payload.indexes) manifest.indexes.remove(id);
        for (const id of payload.snapshots) this.#reconcileSnapshot(id);
        return;
      case "quarantine":
        for (const id of payload.packs) this.#quarantine(id);
        return;
      case "attest":
        for (const id of payload.packs) {
          const pack = manifest.packs.byId(id);
          if (pack !== void 0) manifest.packs.trust(pack.no);
        }
        return;
      case "tag":
        for (const { snapshot, sealed } of payload.tags) {
          const said = tags.get(sealed);
          if (said !== void 0) manifest.snapshots.setTags(snapshot, said);
        }
        return;
      default:
    }
  }
  /** Its row as the fold has it by now, which may be further on: rows are about what is, entries about how it came. */
  #reconcileSnapshot(id) {
    const { snapshots } = this.#parts.manifest;
    const snapshot = this.#state.snapshots.get(id);
    if (snapshot === void 0) snapshots.remove(id);
    else {
      snapshots.setForgotten(id, snapshot.forgotten?.timeMs ?? null);
      snapshots.setHeld(id, snapshot.held);
    }
  }
  #removePack(id) {
    const pack = this.#parts.manifest.packs.byId(id);
    if (pack !== void 0) this.#parts.manifest.packs.remove(pack.no);
  }
  #quarantine(id) {
    const pack = this.#parts.manifest.packs.byId(id);
    if (pack !== void 0) this.#parts.manifest.packs.setState(pack.no, "quarantined");
  }
  /** Index objects that the fold knows and the manifest has not taken in yet. */
  async #takeIndexes() {
    const { manifest } = this.#parts;
    const known = new Set(manifest.indexes.list("live").map(({ id }) => id));
    this.indexProblems.length = 0;
    for (const [id, index] of this.#state.indexes) {
      if (known.has(id)) continue;
      try {
        await this.#takeIndex(id, index);
      } catch (error) {
        if (!hasCode(error, "OBJECT_DAMAGED", "OBJECT_MISSING", "LIMIT_EXCEEDED")) throw error;
        this.indexProblems.push({ id, error });
      }
    }
  }
  async #takeIndex(id, index) {
    const { manifest } = this.#parts;
    const { tables, bytes } = await readIndex(this.#parts, id, index.hash);
    const trusted = index.trusted || index.author === this.#author;
    manifest.transaction(() => {
      if (this.#isBehindManifest()) return;
      const inForce = tables.filter((table) => !this.#state.condemnedPacks.has(table.id));
      for (const table of inForce) {
        const state2 = this.#state.quarantined.has(table.id) ? "quarantined" : "live";
        const isTrusted = trusted || this.#state.attested.has(table.id);
        manifest.packs.add({ ...table, state: state2, trusted: isTrusted });
      }
      this.#addIndex(
        { id, hash: index.hash, bytes },
        inForce.map((table) => table.id)
      );
    });
  }
};
function takesAway({ applied }) {
  return applied?.payload.kind === "gc" || applied?.payload.kind === "quarantine";
}
function unlessNonsense(open6) {
  try {
    return open6();
  } catch (error) {
    if (hasCode(error, "OBJECT_DAMAGED", "LIMIT_EXCEEDED")) return void 0;
    throw error;
  }
}

// src/repository/pack-keyring.ts
var KEYRING_PACKS_MAX = 16384;
var PackKeyring = class {
  #storage;
  #repository;
  #secrets;
  #box;
  #opened = /* @__PURE__ */ new Map();
  constructor(storage2, repository, secrets, box2) {
    this.#storage = storage2;
    this.#repository = repository;
    this.#secrets = secrets;
    this.#box = box2;
  }
  async of(id) {
    const known = this.#opened.get(id);
    if (known !== void 0) return known;
    return this.ofHeader(id, await this.#storage.read(packKey(id), { offset: 0, bytes: PACK_HEADER_BYTES }));
  }
  /** Where the pack's first 160 bytes are at hand already. */
  ofHeader(id, bytes) {
    const known = this.#opened.get(id);
    if (known !== void 0) return known;
    const header = bytes.slice(0, PACK_HEADER_BYTES);
    const opened = { ...openPackKeys(header, this.#repository, id, this.#secrets, this.#box), header };
    if (this.#opened.size >= KEYRING_PACKS_MAX) {
      const oldest = this.#opened.keys().next().value;
      if (oldest !== void 0) this.#opened.delete(oldest);
    }
    this.#opened.set(id, opened);
    return opened;
  }
};

// src/base/names.ts
var ESCAPE = 56320;
var REPLACEMENT = "\uFFFD";
function nameFromBytes(bytes) {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text2 = view.toString("utf8");
  return text2.includes(REPLACEMENT) ? unescaped(view) : text2;
}
function unescaped(bytes) {
  let name = "";
  let valid = 0;
  let index = 0;
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index);
    if (length > 0) {
      index += length;
      continue;
    }
    name += bytes.toString("utf8", valid, index) + String.fromCharCode(ESCAPE + (bytes[index] ?? 0));
    index++;
    valid = index;
  }
  return name + bytes.toString("utf8", valid);
}
function sequenceLength(bytes, at) {
  const lead = bytes[at] ?? 0;
  if (lead < 128) return 1;
  if (lead < 194 || lead > 244) return 0;
  const second = bytes[at + 1] ?? 0;
  if (lead < 224) return isTail(second) ? 2 : 0;
  if (lead < 240) {
    const low2 = lead === 224 ? 160 : 128;
    const high2 = lead === 237 ? 159 : 191;
    return second >= low2 && second <= high2 && isTail(bytes[at + 2]) ? 3 : 0;
  }
  const low = lead === 240 ? 144 : 128;
  const high = lead === 244 ? 143 : 191;
  return second >= low && second <= high && isTail(bytes[at + 2]) && isTail(bytes[at + 3]) ? 4 : 0;
}
function isTail(byte) {
  return byte !== void 0 && (byte & 192) === 128;
}

// src/snapshot/entry.ts
var ENTRY_TYPES = ["file", "dir", "symlink", "fifo", "char", "block", "socket"];
var FLAG_CONTENT = 1;
var FLAG_TARGET = 2;
var FLAG_DEVICE = 4;
var FLAG_HARD_LINK = 8;
var FLAG_XATTRS = 16;
var FLAG_CHANGED = 32;
var FLAG_UNREADABLE = 64;
var FLAGS_KNOWN = 127;
var NAME_AT = 58;
var MODE_MAX = 4095;
var REASON_BYTES_MAX = 256;
var NSEC_MAX = 999999999;
function decodeEntry2(bytes) {
  const reader = new ByteReader(bytes, "tree entry");
  if (reader.u32() !== bytes.length) reader.fail("its length does not match");
  const type = ENTRY_TYPES[reader.u8() - 1] ?? reader.fail("unknown entry type");
  const flags = reader.u8();
  if (flags > FLAGS_KNOWN) reader.fail(`unknown entry flags ${flags}`);
  const mode = reader.u16();
  const uid = reader.u32();
  const gid = reader.u32();
  const size = reader.u64();
  const mtimeSec = reader.i64();
  const mtimeNsec = reader.u32();
  const ctimeSec = reader.i64();
  const ctimeNsec = reader.u32();
  const inode = reader.u64();
  if (mode > MODE_MAX || mtimeNsec > NSEC_MAX || ctimeNsec > NSEC_MAX)
    reader.fail("mode or time out of range");
  const nameLength = reader.u16();
  if (nameLength === 0 || nameLength > NAME_BYTES_MAX) reader.fail(`a name of ${nameLength} bytes`);
  const name = nameFromBytes(checkedName(reader.raw(nameLength), reader));
  const content = (flags & FLAG_CONTENT) === 0 ? void 0 : readContent(reader);
  const target = (flags & FLAG_TARGET) === 0 ? void 0 : readTarget(reader);
  const device = (flags & FLAG_DEVICE) === 0 ? void 0 : { major: reader.u32(), minor: reader.u32() };
  const hardLink = (flags & FLAG_HARD_LINK) === 0 ? void 0 : { links: reader.u32(), device: reader.u64() };
  const xattrs = (flags & FLAG_XATTRS) === 0 ? void 0 : readXattrs(reader);
  const unreadable = (flags & FLAG_UNREADABLE) === 0 ? void 0 : decodeText(reader.bytes(REASON_BYTES_MAX), "reason of a tree entry");
  reader.end();
  checkShape(reader, type, { content, target, device, hardLink, unreadable, size });
  return {
    name,
    type,
    mode,
    uid,
    gid,
    size,
    mtimeSec,
    mtimeNsec,
    ctimeSec,
    ctimeNsec,
    inode,
    content,
    target,
    device,
    hardLink,
    xattrs,
    unreadable,
    changed: (flags & FLAG_CHANGED) !== 0
  };
}
var SLASH = 47;
var DOT = 46;
function checkedName(name, reader) {
  if (name.includes(SLASH) || name.includes(0)) reader.fail("a name with a slash or NUL");
  if (name[0] === DOT && (name.length === 1 || name.length === 2 && name[1] === DOT))
    reader.fail("a name of dots");
  return name;
}
function checkShape(reader, type, parts) {
  if (parts.content !== void 0 && type !== "file" && type !== "dir") reader.fail(`a ${type} with content`);
  if (parts.target !== void 0 !== (type === "symlink"))
    reader.fail("a link target where none belongs, or none");
  if (parts.device !== void 0 !== (type === "char" || type === "block"))
    reader.fail("a device number misplaced");
  if (type === "dir" && parts.content === void 0 && parts.unreadable === void 0)
    reader.fail("a directory without a tree");
  if (type === "dir" && parts.hardLink !== void 0) reader.fail("a hard-linked directory");
  if (parts.size !== 0 && type !== "file") reader.fail(`a ${type} with a size`);
}
function readTarget(reader) {
  const target = reader.bytes(LINK_TARGET_BYTES_MAX);
  if (target.length === 0 || target.includes(0)) reader.fail("an empty link target, or one with NUL");
  return nameFromBytes(target);
}
function readXattrs(reader) {
  const count = reader.count(XATTRS_MAX, 2);
  const xattrs = [];
  let total = 0;
  let before;
  for (let index = 0; index < count; index++) {
    const name = reader.bytes(NAME_BYTES_MAX);
    if (name.length === 0 || name.includes(0)) reader.fail("an xattr without a name");
    if (before !== void 0 && Buffer.compare(before, name) >= 0) reader.fail("xattrs are out of order");
    before = name;
    const value = reader.bytes(XATTR_BYTES_MAX);
    total += name.length + value.length;
    if (total > XATTR_BYTES_MAX) throw new SnapError("LIMIT_EXCEEDED", `xattrs of ${total} bytes`);
    xattrs.push({ name: nameFromBytes(name), value });
  }
  return xattrs;
}
var ENTRY_AT = {
  type: 4,
  flags: 5,
  mode: 6,
  uid: 8,
  gid: 12,
  size: 16,
  mtimeSec: 24,
  mtimeNsec: 32,
  ctimeSec: 36,
  ctimeNsec: 44,
  inode: 48,
  nameLength: 56,
  name: NAME_AT
};
var ENTRY_BYTES_MIN = NAME_AT + 1;

// src/snapshot/tree.ts
var TREE_VERSION = 1;
var TREE_LABEL = new TextEncoder().encode("tree");
var OWNERS_MAX = 65536;
var OWNER_NAME_BYTES_MAX = 1024;
var ENTRIES_MAX = 16777216;
function treeId(idKey, content) {
  return keyedHash(idKey, TREE_LABEL, encodeContent(content));
}
var ownerRank = (owner) => (owner.kind === "user" ? 0 : 1) * 4294967296 + owner.number;
function splitTree(bytes) {
  const reader = new ByteReader(bytes, "tree");
  if (reader.u8() !== TREE_VERSION) reader.fail("unknown tree version");
  const owners = readOwners(reader);
  const count = reader.count(ENTRIES_MAX, ENTRY_BYTES_MIN);
  const entries = [];
  let before;
  for (let index = 0; index < count; index++) {
    const length = reader.peekU32();
    if (length < ENTRY_BYTES_MIN) reader.fail(`an entry of ${length} bytes`);
    if (length > ENTRY_BYTES_MAX) throw new SnapError("LIMIT_EXCEEDED", `a tree entry of ${length} bytes`);
    const entry = reader.raw(length);
    const name = entryNameBytes(entry);
    if (before !== void 0 && Buffer.compare(before, name) >= 0) reader.fail("names are out of order");
    before = name;
    entries.push(entry);
  }
  reader.end();
  return { owners, entries };
}
function entryNameBytes(entry) {
  const length = (entry[ENTRY_AT.nameLength] ?? 0) + (entry[ENTRY_AT.nameLength + 1] ?? 0) * 256;
  return entry.subarray(ENTRY_AT.name, ENTRY_AT.name + length);
}
function decodeTree(bytes) {
  const { owners, entries } = splitTree(bytes);
  return { owners, entries: entries.map(decodeEntry2) };
}
function readOwners(reader) {
  const count = reader.count(OWNERS_MAX, 6);
  const owners = [];
  let before = -1;
  for (let index = 0; index < count; index++) {
    const kind = reader.u8();
    if (kind !== 1 && kind !== 2) reader.fail("unknown kind of owner");
    const number = reader.u32();
    const name = decodeText(reader.bytes(OWNER_NAME_BYTES_MAX), "owner name");
    const owner = { kind: kind === 1 ? "user" : "group", number, name };
    if (ownerRank(owner) <= before) reader.fail("owners are out of order");
    before = ownerRank(owner);
    owners.push(owner);
  }
  return owners;
}

// src/repository/tree-reader.ts
var TreeReader = class {
  #manifest;
  #chunks;
  #idKey;
  constructor(manifest, chunks, idKey) {
    this.#manifest = manifest;
    this.#chunks = chunks;
    this.#idKey = idKey;
  }
  /** The encoded bytes. `trusting`: the manifest's copy will do; otherwise they come from the repository. */
  async bytes(content, trusting = true) {
    const kept2 = trusting ? this.#manifest.trees.byId(treeId(this.#idKey, content))?.bytes : void 0;
    return kept2 ?? this.#chunks.bytes(content, TREE_BYTES_MAX);
  }
  /** Split into encoded entries, none decoded. */
  async encoded(content) {
    return splitTree(await this.bytes(content));
  }
  async tree(content) {
    return decodeTree(await this.bytes(content));
  }
};

// src/repository/repository.ts
var Repository = class {
  id;
  storage;
  keys;
  config;
  manifest;
  manifestPath;
  slot;
  clock;
  random;
  log;
  chunks;
  trees;
  #keyring;
  #zstd;
  constructor(parts) {
    this.id = parts.id;
    this.storage = parts.storage;
    this.keys = parts.keys;
    this.config = parts.config;
    this.manifest = parts.manifest;
    this.manifestPath = parts.manifestPath;
    this.slot = parts.slot;
    this.clock = parts.clock;
    this.random = parts.random;
    this.log = new LogFollower({ ...parts, box: () => this.box() });
    this.chunks = new ChunkReader({
      storage: parts.storage,
      manifest: parts.manifest,
      keyring: () => this.keyring(),
      zstd: () => this.zstd(),
      hasher: createChunkHasher(parts.keys.idKey),
      refresh: () => this.log.refresh()
    });
    this.trees = new TreeReader(parts.manifest, this.chunks, parts.keys.idKey);
  }
  /** libsodium takes a while to load: only what seals or opens packs and names needs it. */
  box() {
    return loadBox();
  }
  zstd() {
    this.#zstd ??= createZstd();
    return this.#zstd;
  }
  /** The keys of packs. `KEY_WRONG` for a role that cannot read content. */
  keyring() {
    this.#keyring ??= this.#openKeyring();
    return this.#keyring;
  }
  async #openKeyring() {
    const { contentSecret } = this.keys;
    if (contentSecret === void 0) {
      throw new SnapError("KEY_WRONG", "this key can add snapshots but not read them", {
        hint: "Use the key of an admin or a reader."
      });
    }
    return new PackKeyring(this.storage, this.id, { ...this.keys, contentSecret }, await this.box());
  }
  /** Packs that the log takes for live, or this client for pending, and the storage does not have, or has in another size. */
  async lostPacks() {
    const lost = await this.#missingPacks();
    if (lost.length === 0) return lost;
    await this.log.follow();
    return lost.filter(({ no, state: state2 }) => this.manifest.packs.byNo(no)?.state === state2);
  }
  async #missingPacks() {
    const lost = new Map(
      this.manifest.packs.list().filter((pack) => pack.state === "live" || pack.state === "pending").map((pack) => [pack.id, pack])
    );
    for await (const stat5 of this.storage.list(PACK_PREFIX)) {
      const id = packIdOf(stat5.key);
      if (id !== void 0 && lost.get(id)?.bytes === stat5.bytes) lost.delete(id);
    }
    return [...lost.values()];
  }
  async [Symbol.asyncDispose]() {
    this.manifest[Symbol.dispose]();
    await this.storage[Symbol.asyncDispose]();
  }
};

// src/repository/open-repository.ts
async function hasPacks(storage2) {
  for await (const _pack of storage2.list(PACK_PREFIX)) return true;
  return false;
}
async function openRepository(ports, secret) {
  const { storage: storage2, cacheDirectory, clock, random } = ports;
  const configBytes = await readConfig(storage2);
  const id = repositoryIdOfConfig(configBytes);
  const { slot, contents } = await findSlot(storage2, id, secret);
  const config = openConfig(configBytes, id, contents.keys.configKey);
  if (Buffer.compare(config.contentPublic, contents.keys.contentPublic) !== 0) {
    throw new SnapError("OBJECT_DAMAGED", `config and slots/${slot} name different content keys`);
  }
  const manifestPath = manifestPathOf(cacheDirectory, id);
  mkdirSync2(dirname3(manifestPath), { recursive: true, mode: 448 });
  const manifest = openManifest(manifestPath);
  const repository = new Repository({
    id,
    storage: storage2,
    keys: contents.keys,
    config,
    manifest,
    manifestPath,
    slot,
    clock,
    random
  });
  try {
    await repository.log.begin(() => removeForeignSlots(storage2, id));
  } catch (error) {
    manifest[Symbol.dispose]();
    throw error;
  }
  return repository;
}
function manifestPathOf(cacheDirectory, id) {
  return join(cacheDirectory, id, "manifest.db");
}
async function readConfig(storage2) {
  try {
    return await readObject(storage2, CONFIG_KEY, CONFIG_OBJECT_BYTES_MAX);
  } catch (error) {
    if (!hasCode(error, "OBJECT_MISSING")) throw error;
    throw new SnapError("REPOSITORY_MISSING", `there is no repository at ${storage2.description}`, {
      hint: "Check --repo or SNAP_REPOSITORY, or make one with `snap init`."
    });
  }
}
async function removeForeignSlots(storage2, id) {
  if (await hasPacks(storage2)) return;
  for (const slot of await slotIds(storage2)) {
    const key = slotKey(slot);
    try {
      const { type, repository } = decodeObjectHeader(
        await readObject(storage2, key, SLOT_OBJECT_BYTES_MAX),
        key
      );
      if (type === "slot" && repository !== id) await storage2.remove(key);
    } catch (error) {
      if (!hasCode(error, "OBJECT_DAMAGED", "OBJECT_MISSING", "LIMIT_EXCEEDED")) throw error;
    }
  }
}
async function findSlot(storage2, id, secret) {
  let damaged4;
  let refused = false;
  let untried = 0;
  const work = new PasswordWork();
  for (const slot of await slotIds(storage2)) {
    try {
      const bytes = await readObject(storage2, slotKey(slot), SLOT_OBJECT_BYTES_MAX);
      const head = readSlotHead(bytes, id, slot);
      if (head.kind !== secret.kind) continue;
      if (!work.take(head)) {
        untried += 1;
        continue;
      }
      return { slot, contents: await openSlot(bytes, id, slot, secret) };
    } catch (error) {
      if (hasCode(error, "OBJECT_DAMAGED", "LIMIT_EXCEEDED", "OBJECT_MISSING")) damaged4 = { slot, error };
      else if (hasCode(error, "KEY_WRONG")) refused = true;
      else throw error;
    }
  }
  if (untried > 0) throw tooMuchWork(storage2, untried);
  if (damaged4 !== void 0 && !refused) {
    throw new SnapError("OBJECT_DAMAGED", `the key slot ${slotKey(damaged4.slot)} is damaged`, {
      hint: "Use another password or key file of the repository, or bring the slot back from a copy of the repository.",
      cause: damaged4.error
    });
  }
  throw new SnapError(
    "KEY_WRONG",
    `this ${secret.kind} does not open the repository at ${storage2.description}`,
    damaged4 === void 0 ? { hint: "Check the password or key file." } : {
      hint: `Check the password or key file; ${slotKey(damaged4.slot)} is damaged.`,
      cause: damaged4.error
    }
  );
}
function tooMuchWork(storage2, untried) {
  return new SnapError(
    "LIMIT_EXCEEDED",
    `the password slots of ${storage2.description} ask for more work than a password is tried with: it was not tried on ${untried} of them`,
    {
      hint: "Somebody may have added slots to keep you out: use a key file, or put back the `slots` of a copy of the repository."
    }
  );
}
async function slotIds(storage2) {
  const ids = [];
  for await (const stat5 of storage2.list(SLOT_PREFIX)) {
    const id = slotIdOf(stat5.key);
    if (id !== void 0) ids.push(id);
    if (ids.length > SLOTS_MAX) {
      throw new SnapError(
        "LIMIT_EXCEEDED",
        `the repository at ${storage2.description} has more than ${SLOTS_MAX} key slots`,
        {
          hint: "Somebody may have added slots to keep you out: put back the `slots` of a copy of the repository."
        }
      );
    }
  }
  return ids.sort();
}

// src/storage/local-directory.ts
import { dirname as dirname5, resolve } from "node:path";

// src/storage/bounded.ts
async function* mapBounded(items, limit, run) {
  for (let at = 0; at < items.length; at += limit)
    yield* await Promise.all(items.slice(at, at + limit).map(run));
}

// src/storage/key.ts
var KEY_BYTES_MAX = 128;
var OBJECT_BYTES_MAX = 134217728;
var TEMPORARY_SEGMENT = "tmp";
var KEY = /^(?!tmp(?:\/|$))[a-z0-9]+(?:\/[a-z0-9]+)*$/;
var PREFIX = /^(?:[a-z0-9]+(?:\/[a-z0-9]+)*\/?)?$/;
function isKey(text2) {
  return text2.length <= KEY_BYTES_MAX && KEY.test(text2);
}
function checkKey(key) {
  assert(isKey(key), `${JSON.stringify(key.slice(0, 2 * KEY_BYTES_MAX))} is not an object key`);
}
function checkPrefix(prefix) {
  assert(
    prefix.length <= KEY_BYTES_MAX && PREFIX.test(prefix),
    `${JSON.stringify(prefix.slice(0, 2 * KEY_BYTES_MAX))} is not a prefix of object keys`
  );
}
function directoryOf(key) {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

// src/storage/system-error.ts
var ERRNO = /^E[A-Z0-9]+$/;
function errnoOf(error) {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return void 0;
  return ERRNO.test(error.code) ? error.code : void 0;
}
function isAbsent(error) {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}
function storageError(error, action) {
  const errno = errnoOf(error);
  if (errno === void 0) return error;
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    return new SnapError(
      "REPOSITORY_FULL",
      `cannot ${action}: ${errno === "EDQUOT" ? "the quota is used up" : "no space is left"}`,
      {
        hint: "Earlier snapshots are unharmed. Free space there or raise the limit, then run the command again.",
        cause: error
      }
    );
  }
  return new SnapError("STORAGE_FAILED", `cannot ${action}: ${messageOf(error)}`, {
    ...hintOf(errno),
    cause: error
  });
}
function hintOf(errno) {
  switch (errno) {
    case "EACCES":
    case "EPERM":
      return { hint: "Give this user read and write permission to the repository directory and all in it." };
    case "EROFS":
      return { hint: "The file system is mounted read-only: mount it for writing." };
    case "ENOENT":
    case "ENOTDIR":
      return { hint: "The repository directory is gone or incomplete: is its file system mounted?" };
    case "EIO":
      return { hint: "The disk reports errors: look at the system log, and replace it if it fails." };
    case "EXDEV":
      return { hint: "All directories of a repository must lie on one file system." };
    default:
      return {};
  }
}

// src/storage/directory-names.ts
var SYNCS_AT_ONCE_MAX = 16;
var DirectoryNames = class {
  #fs;
  #root;
  #durable = /* @__PURE__ */ new Map();
  #found = /* @__PURE__ */ new Map();
  #turns = /* @__PURE__ */ new Map();
  /** Directories in which names were seen since their last fsync; the value tells a later sighting from an earlier one. */
  #observed = /* @__PURE__ */ new Map();
  #sightings = 0;
  constructor(fs3, root) {
    this.#fs = fs3;
    this.#root = root;
  }
  path(name) {
    return name === "" ? this.#root : `${this.#root}/${name}`;
  }
  /** Makes the directory and its parents within the root, unless they exist, and makes their names durable. */
  ensure(directory) {
    if (directory === "") return Promise.resolve();
    return remembered(this.#durable, directory, () => this.#make(directory));
  }
  async #make(directory) {
    const parent = directoryOf(directory);
    await this.ensure(parent);
    const found = await remembered(this.#found, parent, () => this.#adopt(parent));
    if (found.has(directory)) return;
    try {
      await this.#fs.mkdir(this.path(directory));
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    await this.sync(parent);
  }
  /** The directories in `parent`, all made durable with one fsync. */
  async #adopt(parent) {
    const found = /* @__PURE__ */ new Set();
    for (const { name, kind } of await this.#fs.readdir(this.path(parent))) {
      const directory = parent === "" ? name : `${parent}/${name}`;
      if (kind === "directory" && directory !== TEMPORARY_SEGMENT) found.add(directory);
    }
    if (found.size > 0) await this.sync(parent);
    return found;
  }
  /** Returns after an fsync of the directory that began after this call; calls that wait at the same time share one. */
  sync(directory) {
    const turn = this.#turns.get(directory);
    if (turn === void 0) return this.#begin(directory);
    turn.next ??= turn.running.then(
      () => this.#begin(directory),
      () => this.#begin(directory)
    );
    return turn.next;
  }
  #begin(directory) {
    const turn = { running: Promise.resolve(), next: void 0 };
    this.#turns.set(directory, turn);
    turn.running = this.#flush(directory, turn);
    return turn.running;
  }
  async #flush(directory, turn) {
    const sighting = this.#observed.get(directory);
    try {
      await this.#fs.fsyncDirectory(this.path(directory));
      if (this.#observed.get(directory) === sighting) this.#observed.delete(directory);
    } finally {
      if (turn.next === void 0) this.#turns.delete(directory);
    }
  }
  /** Notes that a name in `directory` was seen. */
  observe(directory) {
    this.#sightings += 1;
    this.#observed.set(directory, this.#sightings);
  }
  /** Makes every name durable that was observed before the call. */
  async settle() {
    const directories = [...this.#observed.keys()];
    for await (const _ of mapBounded(directories, SYNCS_AT_ONCE_MAX, (directory) => this.sync(directory))) ;
  }
};
function remembered(map, key, make) {
  const known = map.get(key);
  if (known !== void 0) return known;
  const made = make().catch((error) => {
    map.delete(key);
    throw error;
  });
  map.set(key, made);
  return made;
}

// src/storage/node-storage-fs.ts
import * as fs2 from "node:fs";
import { promisify as promisify2 } from "node:util";

// src/storage/ownership.ts
import * as fs from "node:fs";
import { dirname as dirname4 } from "node:path";
import { promisify } from "node:util";
var { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
var ROOT = 0;
var open3 = promisify(fs.open);
var close2 = promisify(fs.close);
var stat2 = promisify(fs.stat);
var fchown2 = promisify(fs.fchown);
var readdir2 = promisify(fs.readdir);
var isRoot = process.geteuid?.() === ROOT;
async function giveFile(fd, path) {
  if (isRoot) await give(fd, path);
}
async function giveDirectory(path) {
  if (!isRoot) return;
  try {
    const fd = await open3(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if ((await readdir2(`/dev/fd/${fd}`)).length === 0) await give(fd, path);
    } finally {
      await close2(fd);
    }
  } catch (error) {
    if (errnoOf(error) === void 0) throw error;
  }
}
async function give(fd, path) {
  try {
    const { uid, gid } = await stat2(dirname4(path));
    if (uid !== ROOT) await fchown2(fd, uid, gid);
  } catch (error) {
    if (errnoOf(error) === void 0) throw error;
  }
}

// src/storage/node-storage-fs.ts
var FILE_MODE = 384;
var DIRECTORY_MODE = 448;
var { O_RDONLY: O_RDONLY2, O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK, O_DIRECTORY: O_DIRECTORY2 } = fs2.constants;
var open5 = promisify2(fs2.open);
var fsync2 = promisify2(fs2.fsync);
var close4 = promisify2(fs2.close);
var readdir4 = promisify2(fs2.readdir);
var stat4 = promisify2(fs2.stat);
var fstat2 = promisify2(fs2.fstat);
function kindOf(entry) {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : "other";
}
function statOf(stats) {
  return {
    kind: kindOf(stats),
    bytes: stats.size,
    modifiedAt: Math.floor(stats.mtimeMs),
    links: stats.nlink
  };
}
async function fsyncDirectory(path) {
  const fd = await open5(path, O_RDONLY2 | O_DIRECTORY2);
  try {
    await fsync2(fd);
  } catch (error) {
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOTSUP") throw error;
  } finally {
    await close4(fd);
  }
}
var nodeStorageFs = {
  openForReading: (path) => open5(path, O_RDONLY2 | O_NONBLOCK),
  createFile: async (path) => {
    const fd = await open5(path, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
    await giveFile(fd, path);
    return fd;
  },
  writev: (fd, parts) => new Promise((resolve2, reject) => {
    fs2.writev(fd, parts, (error, written) => error ? reject(error) : resolve2(written));
  }),
  read: (fd, into, at, bytes, position) => new Promise((resolve2, reject) => {
    fs2.read(fd, into, at, bytes, position, (error, count) => error ? reject(error) : resolve2(count));
  }),
  fstat: async (fd) => statOf(await fstat2(fd)),
  fsync: fsync2,
  close: close4,
  fsyncDirectory,
  rename: promisify2(fs2.rename),
  link: promisify2(fs2.link),
  unlink: promisify2(fs2.unlink),
  mkdir: async (path) => {
    await promisify2(fs2.mkdir)(path, { mode: DIRECTORY_MODE });
    await giveDirectory(path);
  },
  readdir: async (path) => (await readdir4(path, { withFileTypes: true })).map((entry) => ({
    name: entry.name,
    kind: kindOf(entry)
  })),
  stat: async (path) => statOf(await stat4(path))
};

// src/storage/processes.ts
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
var HOST_DIGITS = 16;
var MARK = /^([0-9a-f]{16})-([1-9][0-9]{0,6})-([0-9]{1,20})$/;
var STATE_FIELD = 0;
var START_FIELD = 19;
var DEAD_STATES = ["Z", "X", "x"];
function systemProcesses(proc = "/proc") {
  let known;
  const ownMark = () => {
    known ??= { own: markIfCertain(proc) };
    return known.own;
  };
  return {
    get own() {
      return ownMark();
    },
    stateOf: (mark) => {
      const [, host, pid, start] = MARK.exec(mark) ?? [];
      if (host === void 0 || host !== ownMark()?.slice(0, HOST_DIGITS)) return "unknown";
      return stateOf(proc, Number(pid), start);
    }
  };
}
function markIfCertain(proc) {
  try {
    return markOfThis(proc);
  } catch (error) {
    if (errnoOf(error) === void 0) throw error;
    return void 0;
  }
}
function markOfThis(proc) {
  const { pid } = process;
  if (readlinkSync(`${proc}/self`) !== String(pid)) return void 0;
  const boot = readFileSync(`${proc}/sys/kernel/random/boot_id`, "latin1").trim();
  const namespaces = [readlinkSync(`${proc}/self/ns/pid`), timeNamespace(proc)];
  const host = createHash("sha256").update(["snapkeep process", hostname(), boot, ...namespaces].join("\0"));
  const start = readStat(proc, pid)?.start;
  return start === void 0 ? void 0 : `${host.digest("hex").slice(0, HOST_DIGITS)}-${pid}-${start}`;
}
function timeNamespace(proc) {
  try {
    return readlinkSync(`${proc}/self/ns/time`);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return "";
  }
}
function stateOf(proc, pid, start) {
  if (!exists(pid)) return "ended";
  const stat5 = readStat(proc, pid);
  if (stat5 === void 0) return "running";
  return stat5.start !== start || DEAD_STATES.includes(stat5.state) ? "ended" : "running";
}
function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}
function readStat(proc, pid) {
  let text2;
  try {
    text2 = readFileSync(`${proc}/${pid}/stat`, "latin1");
  } catch (error) {
    if (errnoOf(error) === void 0) throw error;
    return void 0;
  }
  const fields = text2.slice(text2.lastIndexOf(")") + 2).split(" ");
  const state2 = fields[STATE_FIELD];
  const start = fields[START_FIELD];
  return state2 === void 0 || start === void 0 ? void 0 : { state: state2, start };
}

// src/storage/range.ts
function rangeWithin(key, size, range) {
  const { offset, bytes } = range ?? { offset: 0, bytes: size };
  assert(Number.isSafeInteger(offset) && offset >= 0, `range of ${key} from ${offset}`);
  assert(Number.isSafeInteger(bytes) && bytes >= 0, `range of ${bytes} bytes of ${key}`);
  if (offset + bytes > size) {
    throw new SnapError(
      "OBJECT_DAMAGED",
      `${key} has ${size} bytes, and bytes ${offset} to ${offset + bytes} were asked for`
    );
  }
  if (bytes > OBJECT_BYTES_MAX) {
    throw new SnapError(
      "OBJECT_DAMAGED",
      `${key} claims ${bytes} bytes; no object has more than ${OBJECT_BYTES_MAX}`
    );
  }
  return { offset, bytes };
}
function totalBytes(parts) {
  let total = 0;
  for (const part of parts) total += part.length;
  assert(total <= OBJECT_BYTES_MAX, `an object of ${total} bytes`);
  return total;
}

// src/storage/temporary-files.ts
var NAME_BYTES = 16;
var NAME = /^(?:(.+)-)?[0-9a-f]{32}$/;
var ABANDONED_MS = 7 * 864e5;
var RESERVE_NAME = "reserve";
var RESERVE_BYTES = 524288;
var WRITEV_PARTS_MAX = 1024;
var TemporaryFiles = class {
  #fs;
  #directory;
  #random;
  #processes;
  constructor(fs3, root, random, processes) {
    this.#fs = fs3;
    this.#directory = `${root}/${TEMPORARY_SEGMENT}`;
    this.#random = random;
    this.#processes = processes;
  }
  #newPath() {
    const { own } = this.#processes;
    const random = toHex(this.#random.bytes(NAME_BYTES));
    return `${this.#directory}/${own === void 0 ? random : `${own}-${random}`}`;
  }
  /** Writes `parts` to a new file whose bytes are durable on return, and returns its path. Leaves nothing where it fails. */
  async write(parts) {
    const path = this.#newPath();
    const fd = await this.#create(path);
    try {
      try {
        await writeAll(this.#fs, fd, parts);
        await this.#fs.fsync(fd);
      } finally {
        await this.#fs.close(fd);
      }
    } catch (error) {
      await this.discard(path);
      throw error;
    }
    return path;
  }
  /** `tmp/` need not survive a power failure, so its own name is not synced. */
  async #create(path) {
    try {
      return await this.#fs.createFile(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    try {
      await this.#fs.mkdir(this.#directory);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    return await this.#fs.createFile(path);
  }
  /** Removes the file if it can: what stays is swept some day, and must not hide the error that brought us here. */
  async discard(path) {
    try {
      await this.#fs.unlink(path);
    } catch (error) {
      if (errnoOf(error) === void 0) throw error;
    }
  }
  /**
   * Removes the files of processes that have ended, and those that nobody has written to for `ABANDONED_MS` where that
   * cannot be known. What cannot be looked at or removed stays, and so does what has another name than ours.
   */
  async sweep() {
    let removed = 0;
    const unknown = [];
    for (const name of await this.#names()) {
      const state2 = this.#processes.stateOf(NAME.exec(name)?.[1] ?? "");
      if (state2 === "unknown") unknown.push(name);
      else if (state2 === "ended" && await this.#remove(name)) removed += 1;
    }
    const now = unknown.length === 0 ? void 0 : await this.#now();
    if (now === void 0) return removed;
    for (const name of unknown) {
      const age = now - (await this.#modifiedAt(name) ?? now);
      if (age >= ABANDONED_MS && await this.#remove(name)) removed += 1;
    }
    return removed;
  }
  /** Random bytes, since some file systems keep no space for zeros. Where there is no room, or no permission, there is no reserve. */
  async secureReserve() {
    const path = this.#reservePath;
    await ifPossible(async () => {
      const found = await ifPossible(() => this.#fs.stat(path));
      if (found !== void 0 && found.bytes >= RESERVE_BYTES) return;
      if (found !== void 0) await this.#fs.unlink(path);
      const fd = await this.#create(path);
      let whole = false;
      try {
        await writeAll(this.#fs, fd, [this.#random.bytes(RESERVE_BYTES)]);
        await this.#fs.fsync(fd);
        whole = true;
      } finally {
        await this.#fs.close(fd);
        if (!whole) await this.discard(path);
      }
    });
  }
  async releaseReserve() {
    await this.discard(this.#reservePath);
  }
  get #reservePath() {
    return `${this.#directory}/${RESERVE_NAME}`;
  }
  async #names() {
    try {
      const entries = await this.#fs.readdir(this.#directory);
      return entries.filter(({ name, kind }) => kind === "file" && NAME.test(name)).map(({ name }) => name);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }
  /**
   * ms since the epoch by the clock that stamps files there, which is another machine's where the directory is: ages are
   * right however wrong the clocks are. `undefined` where no file can be made.
   */
  async #now() {
    return await ifPossible(async () => {
      const path = this.#newPath();
      const fd = await this.#fs.createFile(path);
      try {
        return (await this.#fs.fstat(fd)).modifiedAt;
      } finally {
        await this.#fs.close(fd);
        await this.discard(path);
      }
    });
  }
  async #modifiedAt(name) {
    return (await ifPossible(() => this.#fs.stat(`${this.#directory}/${name}`)))?.modifiedAt;
  }
  async #remove(name) {
    const removed = await ifPossible(async () => {
      await this.#fs.unlink(`${this.#directory}/${name}`);
      return true;
    });
    return removed === true;
  }
};
async function ifPossible(run) {
  try {
    return await run();
  } catch (error) {
    if (errnoOf(error) === void 0) throw error;
    return void 0;
  }
}
async function writeAll(fs3, fd, parts) {
  let rest = parts.filter((part) => part.length > 0);
  while (rest.length > 0) {
    const written = await fs3.writev(fd, rest.slice(0, WRITEV_PARTS_MAX));
    if (written === 0) throw Object.assign(new Error("EIO: a write took no bytes"), { code: "EIO" });
    rest = after(rest, written);
  }
}
function after(parts, count) {
  let left = count;
  let index = 0;
  let part = parts[index];
  while (part !== void 0 && left >= part.length) {
    left -= part.length;
    index += 1;
    part = parts[index];
  }
  const rest = parts.slice(index);
  if (part !== void 0 && left > 0) rest[0] = part.subarray(left);
  return rest;
}

// src/storage/local-directory.ts
var STATS_AT_ONCE_MAX = 32;
var NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];
function openLocalDirectory(path, parts = {}) {
  const { fs: fs3 = nodeStorageFs, random = systemRandom, processes = systemProcesses() } = parts;
  return new LocalDirectory(resolve(path), fs3, random, processes);
}
var LocalDirectory = class {
  description;
  #root;
  #fs;
  #names;
  #temporary;
  constructor(root, fs3, random, processes) {
    this.description = root;
    this.#root = root;
    this.#fs = fs3;
    this.#names = new DirectoryNames(fs3, root);
    this.#temporary = new TemporaryFiles(fs3, root, random, processes);
  }
  async put(key, parts) {
    checkKey(key);
    totalBytes(parts);
    await this.#attempt(`store ${key}`, async () => {
      const directory = directoryOf(key);
      await this.#names.ensure(directory);
      const temporary = await this.#temporary.write(parts);
      try {
        await this.#fs.rename(temporary, this.#names.path(key));
      } catch (error) {
        await this.#temporary.discard(temporary);
        throw error;
      }
      await this.#names.sync(directory);
    });
  }
  async create(key, bytes) {
    checkKey(key);
    totalBytes([bytes]);
    return await this.#attempt(`create ${key}`, async () => {
      const directory = directoryOf(key);
      await this.#names.settle();
      await this.#names.ensure(directory);
      const temporary = await this.#temporary.write([bytes]);
      try {
        if (!await this.#link(temporary, this.#names.path(key))) return false;
        await this.#names.sync(directory);
        return true;
      } finally {
        await this.#temporary.discard(temporary);
      }
    });
  }
  /** `false` where `to` exists and is another file. */
  async #link(temporary, to) {
    try {
      await this.#fs.link(temporary, to);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST") return (await this.#fs.stat(temporary)).links > 1;
      if (errno === void 0 || !NO_LINKS.includes(errno)) throw error;
      throw new SnapError(
        "STORAGE_FAILED",
        `the file system of ${this.#root} cannot make hard links, so a name cannot be taken there by exactly one of several writers (${errno})`,
        {
          hint: "Keep the repository on a file system with hard links, such as ext4, XFS, Btrfs, ZFS or APFS; FAT and exFAT have none.",
          cause: error
        }
      );
    }
  }
  async read(key, range) {
    checkKey(key);
    return await this.#attempt(`read ${key}`, async () => {
      const fd = await this.#open(key);
      try {
        this.#names.observe(directoryOf(key));
        const { kind, bytes: size } = await this.#fs.fstat(fd);
        if (kind !== "file") throw missing(key, this.#root);
        return await readFully(this.#fs, fd, key, rangeWithin(key, size, range));
      } finally {
        await this.#fs.close(fd);
      }
    });
  }
  async #open(key) {
    try {
      return await this.#fs.openForReading(this.#names.path(key));
    } catch (error) {
      throw isAbsent(error) ? missing(key, this.#root, error) : error;
    }
  }
  async stat(key) {
    checkKey(key);
    return await this.#attempt(`look at ${key}`, async () => {
      const stat5 = await this.#statIfPresent(key);
      if (stat5?.kind !== "file") return void 0;
      this.#names.observe(directoryOf(key));
      return { key, bytes: stat5.bytes, storedAt: stat5.modifiedAt };
    });
  }
  async #statIfPresent(name) {
    try {
      return await this.#fs.stat(this.#names.path(name));
    } catch (error) {
      if (isAbsent(error)) return void 0;
      throw error;
    }
  }
  async *list(prefix) {
    checkPrefix(prefix);
    try {
      yield* this.#walk(directoryOf(prefix), prefix);
    } catch (error) {
      throw storageError(error, `list ${prefix === "" ? "all objects" : prefix} in ${this.#root}`);
    }
  }
  async *#walk(directory, prefix) {
    const entries = await this.#readDirectory(directory);
    if (entries.length > 0) this.#names.observe(directory);
    const keys = [];
    const directories = [];
    for (const { name, kind } of entries) {
      const key = directory === "" ? name : `${directory}/${name}`;
      if (!isKey(key) || !(key.startsWith(prefix) || prefix.startsWith(`${key}/`))) continue;
      if (kind === "directory") directories.push(key);
      else keys.push(key);
    }
    const stat5 = async (key) => ({ key, stat: await this.#statIfPresent(key) });
    for await (const { key, stat: found } of mapBounded(keys, STATS_AT_ONCE_MAX, stat5)) {
      if (found?.kind === "directory") directories.push(key);
      if (found?.kind !== "file" || !key.startsWith(prefix)) continue;
      yield { key, bytes: found.bytes, storedAt: found.modifiedAt };
    }
    for (const child of directories) yield* this.#walk(child, prefix);
  }
  /** Empty where there is no such directory, but never because the whole repository is gone. */
  async #readDirectory(directory) {
    try {
      return await this.#fs.readdir(this.#names.path(directory));
    } catch (error) {
      if (!isAbsent(error) || directory === "") throw error;
      await this.#fs.stat(this.#root);
      return [];
    }
  }
  async remove(key) {
    checkKey(key);
    await this.#attempt(`remove ${key}`, async () => {
      await this.#names.settle();
      try {
        await this.#fs.unlink(this.#names.path(key));
      } catch (error) {
        if (!isAbsent(error)) throw error;
        await this.#fs.stat(this.#root);
        return;
      }
      await this.#names.sync(directoryOf(key));
    });
  }
  async sweep() {
    return await this.#attempt("look for unfinished objects", () => this.#temporary.sweep());
  }
  async secureReserve() {
    await this.#temporary.secureReserve();
  }
  async releaseReserve() {
    await this.#temporary.releaseReserve();
  }
  async [Symbol.asyncDispose]() {
  }
  async #attempt(action, run) {
    try {
      return await run();
    } catch (error) {
      throw storageError(error, `${action} in ${this.#root}`);
    }
  }
};
function missing(key, root, cause) {
  return new SnapError("OBJECT_MISSING", `${key} does not exist in ${root}`, { cause });
}
async function readFully(fs3, fd, key, { offset, bytes }) {
  const into = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  let done = 0;
  while (done < bytes) {
    const count = await fs3.read(fd, into, done, bytes - done, offset + done);
    if (count === 0) {
      throw new SnapError("OBJECT_DAMAGED", `${key} ended after ${offset + done} bytes while it was read`);
    }
    done += count;
  }
  return into;
}

// ../../tmp/insp2.mts
var [dir, ...packs] = process.argv.slice(2);
var storage = openLocalDirectory(`${dir}/repository`);
var r = await openRepository({ storage, cacheDirectory: mkdtempSync("/tmp/insp-"), clock: Date, random: systemRandom }, { kind: "key file", secret: decodeKeyFile(readFileSync2(`${dir}/home/test.key`, "utf8")).secret });
var log = { storage, repositoryId: r.id, logKey: r.keys.logKey };
var state = emptyState(r.config.firstAdmin);
var box = await r.box();
for await (const raw of readEntries(log, 0, r.log.state.next - 1)) {
  const e = applyEntry(state, raw, log);
  const p = e.applied?.payload;
  let s = `${e.number} ${new Date(e.applied?.entry.timeMs ?? 0).toISOString().slice(11)} ${p?.kind} ${e.problems.map((x) => x.reason)}`;
  if (p?.kind === "commit") {
    const d = openDetails(box, r.keys, p.details);
    s += ` ${p.snapshot.slice(0, 6)} t=${new Date(p.timeMs).toISOString().slice(17)} head ${p.headRead} ${d.hostname} parent ${JSON.stringify(d.parent ?? null)?.slice(0, 8)} idx ${p.indexes.map((i) => i.id.slice(0, 6))}`;
  }
  if (p?.kind === "gc") s += ` packs ${p.packs.map((x) => x.slice(0, 6))} idx ${p.indexes.map((x) => x.slice(0, 6))} new ${p.newIndexes.map((i) => i.id.slice(0, 6))} snaps ${p.snapshots.map((x) => x.slice(0, 6))}`;
  if (p?.kind === "forget") s += ` ${p.snapshots.map((x) => x.slice(0, 6))}`;
  console.log(s);
}
console.log("in force", [...state.indexes.keys()].map((x) => x.slice(0, 6)));
