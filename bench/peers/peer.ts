import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** What `install.sh` put beside this file, else what is on the PATH. */
export function peer(name: string): string {
  const own = resolve('bench/peers/.bin/bin', name)
  return existsSync(own) ? own : name
}
