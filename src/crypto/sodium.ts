/**
 * Loads libsodium's WASM build once, at first need: it takes some 90 ms, which a backup that derives no password
 * and opens no box should not pay. Only `box.ts` and `password.ts` call it.
 */
export type Sodium = typeof import('libsodium-wrappers-sumo')

let loading: Promise<Sodium> | undefined

/** Memoised; the functions of what it resolves to are synchronous. */
export function loadSodium(): Promise<Sodium> {
  loading ??= load()
  return loading
}

async function load(): Promise<Sodium> {
  const { default: sodium } = await import('libsodium-wrappers-sumo')
  await sodium.ready
  return sodium as Sodium
}
