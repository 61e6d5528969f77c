/** Reads directories: from the manifest where it has them, from the repository's chunks otherwise. */
import type { Manifest } from '../manifest/manifest.ts'
import { TREE_BYTES_MAX } from '../model/limits.ts'
import type { Content } from '../snapshot/content.ts'
import { decodeTree, type EncodedTree, splitTree, type Tree, treeId } from '../snapshot/tree.ts'
import type { ChunkReader } from './chunk-reader.ts'

export class TreeReader {
  readonly #manifest: Manifest
  readonly #chunks: ChunkReader
  readonly #idKey: Uint8Array

  constructor(manifest: Manifest, chunks: ChunkReader, idKey: Uint8Array) {
    this.#manifest = manifest
    this.#chunks = chunks
    this.#idKey = idKey
  }

  /** The encoded bytes. `trusting`: the manifest's copy will do; otherwise they come from the repository. */
  async bytes(content: Content, trusting = true): Promise<Uint8Array> {
    const kept = trusting ? this.#manifest.trees.byId(treeId(this.#idKey, content))?.bytes : undefined
    return kept ?? this.#chunks.bytes(content, TREE_BYTES_MAX)
  }

  /** Split into encoded entries, none decoded. */
  async encoded(content: Content): Promise<EncodedTree> {
    return splitTree(await this.bytes(content))
  }

  async tree(content: Content): Promise<Tree> {
    return decodeTree(await this.bytes(content))
  }
}
