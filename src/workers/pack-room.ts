/**
 * How many packs wait for the storage, counted by all threads together: a thread begins another one when there is room. Without
 * that, a slow storage would have all packs of all tasks that were handed out in memory, some 14 for two threads.
 */

/** Packs that are finished and not yet stored, over all threads, before none is begun. Each has 33 MiB. */
const PACKS_WAITING_MAX = 3
/** Beyond what can ever wait. */
const NO_LIMIT = -1_000_000

/** Shared by the main thread and all others. */
export type PackRoom = Int32Array<SharedArrayBuffer>

export function createPackRoom(): PackRoom {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/** In a thread: returns when a pack may be begun. */
export function awaitRoom(room: PackRoom): void {
  for (;;) {
    const waiting = Atomics.load(room, 0)
    if (waiting < PACKS_WAITING_MAX) return
    Atomics.wait(room, 0, waiting)
  }
}

/** In a thread: a pack is finished. */
export function takeRoom(room: PackRoom): void {
  Atomics.add(room, 0, 1)
}

/** In the main thread: a pack is stored. */
export function giveRoom(room: PackRoom): void {
  Atomics.sub(room, 0, 1)
  Atomics.notify(room, 0)
}

/** In the main thread: the run is at its end, and nobody is to wait any more. */
export function openRoom(room: PackRoom): void {
  Atomics.store(room, 0, NO_LIMIT)
  Atomics.notify(room, 0)
}
