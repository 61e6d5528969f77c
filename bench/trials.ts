/** What is measured, as data: each trial is a corpus and the steps that every tool goes through with it, in this order. */
import { incompressible, oneBig, shifted, vmEdits } from './corpora/big-files.ts'
import type { Corpus } from './corpora/corpus.ts'
import { dbDump, rotatedDump } from './corpora/dumps.ts'
import { deep, manySmall } from './corpora/trees.ts'

/** A step that is timed; its name is its row in the table. */
export interface Step {
  readonly name: string
  readonly does:
    | { readonly kind: 'backup'; readonly of: 'first' | 'unchanged' | 'next' }
    | { readonly kind: 'restore' | 'restoreAgain' | 'verify' | 'prune' | 'list' | 'rebuild' }
    | { readonly kind: 'find'; readonly pattern: string }
}

export interface Trial {
  readonly name: string
  readonly corpus: Corpus
  readonly steps: readonly Step[]
}

const first: Step = { name: 'first backup', does: { kind: 'backup', of: 'first' } }
const unchanged: Step = { name: 'unchanged', does: { kind: 'backup', of: 'unchanged' } }
const next: Step = { name: 'next version', does: { kind: 'backup', of: 'next' } }
const third: Step = { name: 'third version', does: { kind: 'backup', of: 'next' } }
const restore: Step = { name: 'restore to empty', does: { kind: 'restore' } }
const again: Step = { name: 'restore in place, 1 % changed', does: { kind: 'restoreAgain' } }
const verify: Step = { name: 'verify all data', does: { kind: 'verify' } }
const prune: Step = { name: 'forget and prune', does: { kind: 'prune' } }
const list: Step = { name: 'list snapshots', does: { kind: 'list' } }
const find = (pattern: string): Step => ({ name: 'find', does: { kind: 'find', pattern } })
const rebuild: Step = { name: 'rebuild local state', does: { kind: 'rebuild' } }

export const TRIALS: readonly Trial[] = [
  {
    name: 'many-small',
    corpus: manySmall,
    steps: [first, unchanged, list, next, third, find('*Makefile*'), restore, again, verify, rebuild, prune],
  },
  { name: 'one-big', corpus: oneBig, steps: [first, unchanged, restore, verify] },
  { name: 'incompressible', corpus: incompressible, steps: [first, unchanged, restore, verify] },
  { name: 'vm-edits', corpus: vmEdits, steps: [first, next, restore, again, verify, prune] },
  { name: 'db-dump', corpus: dbDump, steps: [first, next, restore, verify, prune] },
  { name: 'rotated-dump', corpus: rotatedDump, steps: [first, next, restore, verify] },
  { name: 'shifted', corpus: shifted, steps: [first, next, restore] },
  { name: 'deep', corpus: deep, steps: [first, unchanged, restore, verify, prune] },
]
