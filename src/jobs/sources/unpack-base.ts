/** Writes a base backup into an empty directory. What its members are called does not lead out of it. */
import { chmod, type FileHandle, mkdir, open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import { type TarMember, TarParser } from './tar-parser.ts'

/** A server starts with no other; it asks for the group's at most. */
const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600

/** Makes it where it is not there. `TARGET_OCCUPIED` where something is in it, `TARGET_UNWRITABLE` where it cannot be made. */
export async function emptyDirectory(path: string): Promise<void> {
  try {
    await mkdir(systemPath(path), { mode: DIRECTORY_MODE }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
    const [first] = await readdir(systemPath(path))
    if (first !== undefined)
      throw new SnapError('TARGET_OCCUPIED', `${path} is not empty`, {
        hint: 'Nothing was written. Name a directory that is empty, or is not there yet.',
      })
    await chmod(systemPath(path), DIRECTORY_MODE)
  } catch (error) {
    throw asTarget(error, path)
  }
}

/** `directory`: absolute, and empty. `TARGET_UNSAFE` for a name that leads elsewhere, `OBJECT_DAMAGED` where the archive is none. */
export async function unpackBase(bytes: AsyncIterable<Uint8Array>, directory: string): Promise<void> {
  const parser = new TarParser()
  let file: FileHandle | undefined
  try {
    for await (const block of bytes) {
      for (const event of parsed(parser.push(block))) {
        if ('data' in event) await file?.writeFile(event.data)
        else {
          await file?.close()
          file = await begin(event.member, directory)
        }
      }
    }
    for (const _ of parsed(finished(parser))) void _
  } catch (error) {
    throw asTarget(error, directory)
  } finally {
    await file?.close()
  }
}

/** What the parser finds wrong is damage. */
function* parsed<T>(events: Iterable<T>): Generator<T> {
  try {
    yield* events
  } catch (cause) {
    throw new SnapError('OBJECT_DAMAGED', `the base backup cannot be unpacked: ${messageOf(cause)}`, {
      cause,
    })
  }
}

// biome-ignore lint/correctness/useYield: only whether it throws counts
function* finished(parser: TarParser): Generator<never> {
  parser.finish()
}

async function begin({ name, type }: TarMember, directory: string): Promise<FileHandle | undefined> {
  const path = join(directory, ...namesOf(name))
  if (type === 'link') throw unsafe(name)
  if (type === 'directory') {
    await mkdir(systemPath(path), { recursive: true, mode: DIRECTORY_MODE })
    return undefined
  }
  await mkdir(systemPath(dirname(path)), { recursive: true, mode: DIRECTORY_MODE })
  return await open(systemPath(path), 'wx', FILE_MODE)
}

/** The directory was empty and gets no links: without `..` nothing leads out of it. */
function namesOf(name: string): string[] {
  const names = name.split('/').filter((part, at) => part !== '.' && !(part === '' && at > 0))
  if (names.length === 0 || names.some((part) => part === '' || part === '..')) throw unsafe(name)
  return names
}

function unsafe(name: string): SnapError {
  return new SnapError(
    'TARGET_UNSAFE',
    `the base backup has ${JSON.stringify(name)}, which leads elsewhere`,
    {
      hint: 'Nothing was written there. Find out who made that snapshot.',
    },
  )
}

function asTarget(error: unknown, path: string): unknown {
  const code = systemCode(error)
  if (code === '' || error instanceof SnapError) return error
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'TARGET_FULL' : 'TARGET_UNWRITABLE'
  return new SnapError(kind, `cannot write ${path}: ${codeInWords(code)}`, {
    hint: 'What is there is not whole: remove it before you try again.',
    cause: error,
  })
}
