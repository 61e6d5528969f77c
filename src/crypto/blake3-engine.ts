/**
 * The two implementations of BLAKE3 behind one face, and the one place that chooses between them. It knows
 * nothing of keys' purposes; `blake3.ts` is what the rest of the program calls.
 */
import { createRequire } from 'node:module'

/** One running hash. `digest` may be called once, after which only `reset` is allowed. */
export interface Blake3State {
  update(data: Uint8Array): void
  /** 32 bytes, the caller's own. */
  digest(): Uint8Array<ArrayBuffer>
  /** Writes the 32 bytes into `out` at `at`. */
  digestInto(out: Uint8Array, at: number): void
  /** Back to the state after creation, with the same key or context. */
  reset(): void
}

export interface Blake3Engine {
  readonly name: 'native' | 'portable'
  plain(): Blake3State
  /** `key`: 32 bytes; copied. */
  keyed(key: Uint8Array): Blake3State
  derive(context: string): Blake3State
}

const HASH_BYTES = 32
const require = createRequire(import.meta.url)

/** The native addon, 0.5 us a call and several GB/s. Throws where it has no binary for this platform. */
export function loadNativeEngine(): Blake3Engine {
  const { Blake3Hasher } = require('@napi-rs/blake-hash') as typeof import('@napi-rs/blake-hash')
  const scratch = Buffer.alloc(HASH_BYTES)
  const state = (hasher: InstanceType<typeof Blake3Hasher>): Blake3State => {
    // Through a hex string: `digestBuffer` makes a Buffer over foreign memory, which costs 2 us more a call.
    const digestInto = (out: Uint8Array, at: number): void => {
      scratch.write(hasher.digest('hex'), 'hex')
      out.set(scratch, at)
    }
    return {
      update: (data) => void hasher.update(data),
      digestInto,
      digest: () => digested(digestInto),
      reset: () => hasher.reset(),
    }
  }
  return {
    name: 'native',
    plain: () => state(new Blake3Hasher()),
    keyed: (key) => state(Blake3Hasher.newKeyed(Buffer.from(key))),
    derive: (context) => state(Blake3Hasher.newDeriveKey(context)),
  }
}

/** Plain JavaScript: some 80 MB/s, and it runs everywhere. */
export function loadPortableEngine(): Blake3Engine {
  const { blake3 } = require('@noble/hashes/blake3.js') as typeof import('@noble/hashes/blake3.js')
  const state = (create: () => ReturnType<typeof blake3.create>): Blake3State => {
    let hasher = create()
    const digestInto = (out: Uint8Array, at: number): void => out.set(hasher.digest(), at)
    return {
      update: (data) => void hasher.update(data),
      digestInto,
      digest: () => digested(digestInto),
      reset: () => {
        hasher = create()
      },
    }
  }
  return {
    name: 'portable',
    plain: () => state(() => blake3.create()),
    keyed: (key) => {
      const own = key.slice()
      return state(() => blake3.create({ key: own }))
    },
    derive: (context) => state(() => blake3.create({ context: new TextEncoder().encode(context) })),
  }
}

let chosen: Blake3Engine | undefined

/** The native engine where it loads, otherwise the portable one; decided at the first call. */
export function blake3Engine(): Blake3Engine {
  chosen ??= chooseEngine()
  return chosen
}

function chooseEngine(): Blake3Engine {
  try {
    return loadNativeEngine()
  } catch {
    return loadPortableEngine()
  }
}

function digested(digestInto: (out: Uint8Array, at: number) => void): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(HASH_BYTES)
  digestInto(out, 0)
  return out
}
