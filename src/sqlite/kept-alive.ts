/**
 * Keeps SQLite's objects from being collected, where that would end the process. better-sqlite3 12, where it was compiled with the headers of Node 24.19 or a little
 * later, aborts the process in their destructors: `node::ObjectWrap` takes back a hook of the environment there, and a collection
 * that an allocation in compiled code starts runs outside of any environment (<https://github.com/nodejs/node/issues/65446>).
 * A process or thread that ends destroys what is kept through those same hooks, inside its environment. Node 20 came to its end
 * before that change: there, what is closed is collected, and a process that opens manifests all the time does not grow.
 */
const isNeeded = !process.versions.node.startsWith('20.')
const KEPT = Symbol.for('snapkeep.manifest.kept')

/**
 * Reachable from the thread's global object, not from a variable of this module: bundlers drop an array that nothing reads, and a
 * loader may drop the module before its thread ends.
 */
const thread: typeof globalThis & { [KEPT]?: object[] } = globalThis

/** Returns `value`, which now lives as long as its thread, where it must. */
export function kept<T extends object>(value: T): T {
  if (!isNeeded) return value
  thread[KEPT] ??= []
  thread[KEPT].push(value)
  return value
}
