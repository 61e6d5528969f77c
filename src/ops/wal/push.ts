/**
 * `wal push`: takes a file that a PostgreSQL server is done with into the archive, and others that wait beside it. It is durable when this
 * returns. Nothing that is archived is ever replaced.
 */
import { SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import { backup } from '../backup/backup.ts'
import type { BackupPorts, BackupRequest } from '../backup/request.ts'
import { streamedName } from '../backup/streamed-name.ts'
import { WAL_KIND, type WalFile, walNote } from './facts.ts'
import { type ArchivedFile, findArchived, walPath } from './find-archived.ts'
import { hashWal, inspectWal, type LocalWal, readWal, readyBeside } from './local-wal.ts'

export type PushRequest = Omit<BackupRequest, 'paths' | 'streamed' | 'sources'> & {
  readonly source: string
  /** Absolute. */
  readonly path: string
}

export type Pushed = {
  readonly name: string
  /** `undefined`: it was archived before. */
  readonly snapshot: SnapshotId | undefined
  /** What the snapshot took, this one among them. */
  readonly files: readonly string[]
}

/** Taken with the one that was asked for: at 16 MiB each half a gigabyte. */
const READY_MAX = 31

/** `WAL_CONFLICT` where another content was archived under that name; errors of `inspectWal` and `backup`. */
export async function pushWal(
  repository: Repository,
  request: PushRequest,
  ports: BackupPorts,
): Promise<Pushed> {
  const { source, path, ...rest } = request
  const wal = await inspectWal(path)
  const known = archivedAs(repository, source, wal)
  if (known !== undefined) {
    refuseOther(known, await hashWal(wal))
    return { name: wal.name, snapshot: undefined, files: [] }
  }
  const { system, segmentBytes } = wal
  const isNew = (name: string): boolean => archivedAs(repository, source, { name, system }) === undefined
  const others = (await readyBeside(path, READY_MAX, isNew)).filter((other) => other.system === system)
  const read = new Map<string, WalFile>()
  const streams = [wal, ...others].map((each) => ({
    name: each.name,
    open: () => {
      read.delete(each.name)
      return readWal(each, (file) => read.set(file.name, file))
    },
  }))
  const draft: BackupRequest = {
    ...rest,
    paths: [],
    streamed: [{ name: streamedName(source), files: streams }],
    sources: () => {
      const files = [...read.values()]
      const paths = files.map(({ name }) => walPath(source, name))
      return [{ name: source, kind: WAL_KIND, paths, facts: walNote({ system, segmentBytes, files }) }]
    },
  }
  const { snapshot, unreadable } = await backup(repository, draft, ports)
  const stored = read.get(wal.name)
  if (stored === undefined)
    throw new SnapError(
      'SOURCE_UNREADABLE',
      `cannot archive ${path}: ${unreadable[0]?.reason ?? 'it was not read'}`,
      {
        hint: 'PostgreSQL keeps the file and tries again.',
      },
    )
  // Another server may have been faster.
  const first = archivedAs(repository, source, wal)
  if (first !== undefined) refuseOther(first, stored.hash)
  return { name: wal.name, snapshot, files: [...read.keys()] }
}

function archivedAs(
  repository: Repository,
  source: string,
  { name, system }: Pick<LocalWal, 'name' | 'system'>,
): ArchivedFile | undefined {
  return findArchived(repository, source, name, { forgotten: false }).find((each) => each.system === system)
}

function refuseOther({ name, hash, snapshot }: ArchivedFile, own: string): void {
  if (hash === own) return
  throw new SnapError(
    'WAL_CONFLICT',
    `${name} was archived before with another content, in snapshot ${snapshot.id.slice(0, 8)}`,
    {
      hint: 'Nothing was replaced. Two servers archive the same timeline: let one of them archive as another source.',
    },
  )
}
