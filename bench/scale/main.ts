/** How time and memory grow with the number of files and of chunks: `npm run bench:scale`. `-- --help` prints the options. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../machine.ts'
import { type ScaleResult, scaleReport } from './report.ts'
import { chunksRun, filesRun, type ScaleRun } from './steps.ts'

const HELP = `npm run bench:scale -- --scratch DIR [options]

  --scratch DIR     where sources and repositories are made; a million files take some 5 GiB, 16 million chunks some 6 GiB
  --files N,N       numbers of real small files, or none (100000,300000,1000000)
  --chunks N,N      numbers of chunks that a repository holds by its structure alone, or none (1000000,4000000,16000000)
  --scale X         of the backup of 1 GB into it (1)
  --json FILE       write the figures
  --render FILE     measure nothing, take the figures of an earlier --json`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    scratch: { type: 'string' },
    files: { type: 'string', default: '100000,300000,1000000' },
    chunks: { type: 'string', default: '1000000,4000000,16000000' },
    scale: { type: 'string', default: '1' },
    json: { type: 'string' },
    render: { type: 'string' },
  },
})

function sizesOf(text: string): number[] {
  if (text === 'none') return []
  return text.split(',').map((part) => {
    const size = Number(part)
    if (!Number.isInteger(size) || size < 1) throw new Error(`${part} is not a number of files or chunks`)
    return size
  })
}

async function measure(scratch: string): Promise<ScaleResult> {
  mkdirSync(scratch, { recursive: true })
  const place = mkdtempSync(join(resolve(scratch), 'bench-scale-'))
  const at = join(place, 'run')
  const files: ScaleRun[] = []
  const chunks: ScaleRun[] = []
  try {
    for (const size of sizesOf(values.files)) {
      files.push(filesRun(at, size))
      console.error(`${size} files: done`)
    }
    for (const size of sizesOf(values.chunks)) {
      chunks.push(await chunksRun(at, size, Number(values.scale)))
      console.error(`${size} chunks: done`)
    }
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
  const command = `npm run bench:scale -- --scratch DIR --files ${values.files} --chunks ${values.chunks} --scale ${values.scale}`
  return { command, machine: machine(), files, chunks }
}

async function main(): Promise<void> {
  if (values.help || (values.scratch === undefined && values.render === undefined)) {
    console.log(HELP)
    return
  }
  const result =
    values.render === undefined
      ? await measure(values.scratch as string)
      : (JSON.parse(readFileSync(values.render, 'utf8')) as ScaleResult)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`)
  console.log(scaleReport(result))
}

await main()
