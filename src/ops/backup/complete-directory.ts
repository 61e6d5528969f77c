/** A directory of which all entries are known, encoded and stored. */
import { SnapError } from '../../model/errors.ts'
import type { SourceFiles } from '../../model/files.ts'
import type { WriteSession } from '../../repository/write-session.ts'
import type { Content } from '../../snapshot/content.ts'
import { type EncodedTree, encodeTree, type Owner, ownerNumbers, treeId } from '../../snapshot/tree.ts'
import type { DirectoryNode } from './directory-node.ts'
import type { PreviousSnapshot } from './previous.ts'
import type { BackupCounter } from './summary.ts'

export function completeDirectory(
  node: DirectoryNode,
  before: PreviousSnapshot,
  session: WriteSession,
  counter: BackupCounter,
  idKey: Uint8Array,
  source: SourceFiles,
): Content {
  if (node.previous !== undefined && node.isUnchanged && before.isStored(node.previous.content)) {
    counter.dirsUnmodified += 1
    return node.previous.content
  }
  if (node.previous === undefined) counter.dirsNew += 1
  else counter.dirsChanged += 1
  const entries = node.entries()
  return storeDirectory(node.path, { owners: ownersOf(entries, source), entries }, session, idKey)
}

/** Encodes and stores a directory. `path`: what to call it. */
export function storeDirectory(
  path: string,
  { owners, entries }: EncodedTree,
  session: Pick<WriteSession, 'contents' | 'recorder'>,
  idKey: Uint8Array,
): Content {
  const bytes = encodeTree(owners, entries)
  // From here on its hash is its name: a bit that memory loses now would never be found out.
  if (Buffer.compare(bytes, encodeTree(owners, entries)) !== 0) throw spoiledDirectory(path)
  const content = session.contents.bytes(bytes)
  session.recorder.add(treeId(idKey, content), bytes)
  return content
}

function spoiledDirectory(path: string): SnapError {
  return new SnapError('OBJECT_DAMAGED', `the directory ${path} changed in memory before it was stored`, {
    hint: "Nothing was saved. Check this machine's memory.",
  })
}

/** The names of all owners that occur, as far as the system knows them. */
function ownersOf(entries: readonly Uint8Array[], source: SourceFiles): Owner[] {
  const { users, groups } = ownerNumbers(entries)
  const owners: Owner[] = []
  for (const number of users) {
    const name = source.userName(number)
    if (name !== undefined) owners.push({ kind: 'user', number, name })
  }
  for (const number of groups) {
    const name = source.groupName(number)
    if (name !== undefined) owners.push({ kind: 'group', number, name })
  }
  return owners
}
