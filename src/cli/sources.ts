/** The sources of a backup: from what was typed to the paths that the snapshot has, with a word where those are not what was meant. */
import { lstat, readlink, stat } from 'node:fs/promises'
import { systemPath } from '../base/names.ts'
import { realPath, sourcePath } from '../filesystem/absolute-path.ts'
import type { CommandContext } from './context.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'

/** A path that ends like this means a directory, and not the link that leads to it. */
const MEANS_DIRECTORY = /\/\.?\/*$/

/** Absolute, in the order of `paths`. Warns of what is a link, FIFO, device or socket itself: of these nothing but the node is saved. */
export async function sourcePaths(context: CommandContext, paths: readonly string[]): Promise<string[]> {
  const sources: string[] = []
  for (const path of paths) {
    const source = sourceOf(context, path)
    await warnOfNode(context, path, source)
    sources.push(source)
  }
  return sources
}

/** Of what the path itself names, a link is a source, unless the path says otherwise. */
function sourceOf(context: CommandContext, path: string): string {
  const source = sourcePath(path)
  if (!MEANS_DIRECTORY.test(path)) return source
  const real = realPath(source)
  if (real !== source) stderrNote(context, `${source} is a link: what it leads to is saved, ${real}`)
  return real
}

async function warnOfNode(context: CommandContext, path: string, source: string): Promise<void> {
  const found = await lstat(systemPath(source)).catch(() => undefined)
  if (found === undefined || found.isFile() || found.isDirectory()) return
  if (!found.isSymbolicLink()) {
    const kind = found.isFIFO() ? 'FIFO' : found.isSocket() ? 'socket' : 'device'
    stderrWarning(
      context,
      `${source} is a ${kind}: the ${kind} alone is saved, and nothing that comes out of it`,
    )
    return
  }
  const target = await readlink(systemPath(source)).catch(() => 'another place')
  const link = `${source} is a link to ${target}: the link alone is saved`
  stderrWarning(context, `${link}; ${await behind(path, source)}`)
}

/** What the link leads to, and what to type for it. */
async function behind(path: string, link: string): Promise<string> {
  const found = await stat(systemPath(link)).catch(() => undefined)
  if (found?.isDirectory() === true) return `for the directory that it leads to, write ${path}/`
  if (found?.isFile() === true) {
    const file = realPath(link)
    return `for the file that it leads to, write ${file}`
  }
  if (found === undefined) return 'there is nothing where it leads'
  return 'nothing that comes out of what it leads to can be saved'
}
