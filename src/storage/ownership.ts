/**
 * What root makes in a directory of somebody else is given to its owner: objects are their owner's alone (0600), and one
 * that `sudo` left in a user's repository would keep the user out of it. Where the system refuses, it stays root's.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { errnoOf } from './system-error.ts'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants

const ROOT = 0
const open = promisify(fs.open)
const close = promisify(fs.close)
const stat = promisify(fs.stat)
const fchown = promisify(fs.fchown)
const readdir = promisify(fs.readdir)

const isRoot: boolean = process.geteuid?.() === ROOT

/** `fd` is the new file at `path`. */
export async function giveFile(fd: number, path: string): Promise<void> {
  if (isRoot) await give(fd, path)
}

/**
 * The new directory at `path`. The owner of its parent could have put another one in its place by now, with something of
 * root's in it: only what is empty is given away, and looked at by descriptor.
 */
export async function giveDirectory(path: string): Promise<void> {
  if (!isRoot) return
  try {
    const fd = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      if ((await readdir(`/dev/fd/${fd}`)).length === 0) await give(fd, path)
    } finally {
      await close(fd)
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}

async function give(fd: number, path: string): Promise<void> {
  try {
    const { uid, gid } = await stat(dirname(path))
    if (uid !== ROOT) await fchown(fd, uid, gid)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}
