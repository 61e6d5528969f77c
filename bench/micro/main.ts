/** What the parts of the program reach by themselves: `npm run bench:micro`. `-- --help` prints the options. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../machine.ts'
import { spread } from '../report/figures.ts'
import { table } from '../report/markdown.ts'
import { algorithms } from './algorithms.ts'
import { manifest } from './manifest.ts'
import type { Figure } from './rounds.ts'
import { walk } from './walk.ts'

const HELP = `npm run bench:micro -- [options]

  --scratch DIR    where the database is made; best on a tmpfs (the temporary directory)
  --tree DIR       what is walked (node_modules)
  --json FILE      write the figures of every round`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    scratch: { type: 'string', default: tmpdir() },
    tree: { type: 'string', default: 'node_modules' },
    json: { type: 'string' },
  },
})

/** Three digits that count, or whole numbers. */
const said = (value: number) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))

function rowOf({ part, name, unit, values }: Figure): string[] {
  const { median, least, most } = spread(values)
  return [part, name, `${said(median)} ${unit}`, said(least), said(most)]
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP)
    return
  }
  const scratch = mkdtempSync(join(values.scratch, 'bench-micro-'))
  try {
    const figures = [...algorithms(), ...manifest(scratch), ...(await walk(scratch, values.tree))]
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ machine: machine(), figures }, null, 1)}\n`)
    console.log(table(['part', 'what', 'median', 'least', 'most'], figures.map(rowOf)))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

await main()
