/**
 * Where the threads' entry modules lie: beside this one, in the tree that `tsc` makes and in the bundle alike. They are started by
 * their place, so whoever starts one takes it from here.
 */
export const WORKER_MODULE: URL = new URL('./worker-main.js', import.meta.url)
export const RESTORE_MODULE: URL = new URL('./restore-main.js', import.meta.url)
export const PACK_CHECK_MODULE: URL = new URL('./pack-check-main.js', import.meta.url)
