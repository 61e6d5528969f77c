/** The paths to back up as one tree from `/` down, with the directories between that lead to them. */

/** A directory on the way to a source, or a source itself. */
export type RootNode = {
  /** Absolute. */
  readonly path: string
  /** Everything at and below is a source. */
  readonly selected: boolean
  readonly children: ReadonlyMap<string, RootNode>
}

type MutableNode = { path: string; selected: boolean; children: Map<string, MutableNode> }

/** `paths`: absolute and normal. A path within another is covered by it. */
export function rootTree(paths: readonly string[]): RootNode {
  const root: MutableNode = { path: '/', selected: false, children: new Map() }
  for (const path of paths) {
    let node = root
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (node.selected) break
      let child = node.children.get(name)
      if (child === undefined) {
        child = { path: joinPath(node.path, name), selected: false, children: new Map() }
        node.children.set(name, child)
      }
      node = child
    }
    node.selected = true
    node.children.clear()
  }
  return root
}

export function joinPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}
