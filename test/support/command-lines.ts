/** Looks at the command lines of all processes of this machine, again and again, for what should not stand in them. */
import { Worker } from 'node:worker_threads'

const WATCH = `
const { readdirSync, readFileSync } = require('node:fs')
const { parentPort, workerData: { flag, texts } } = require('node:worker_threads')
const isEnded = new Int32Array(flag)
const found = new Set()
let looks = 0
while (Atomics.load(isEnded, 0) === 0) {
  looks += 1
  for (const name of readdirSync('/proc')) {
    if (!/^\\d+$/.test(name) || Number(name) === process.pid) continue
    let line
    try { line = readFileSync('/proc/' + name + '/cmdline', 'latin1') } catch { continue }
    for (const text of texts) if (line.includes(text)) found.add(line.replaceAll('\\0', ' '))
  }
}
parentPort.postMessage({ found: [...found], looks })
`

export type Watched = {
  /** Lines in which one of the texts stood. */
  readonly found: readonly string[]
  /** How often all processes were looked at. */
  readonly looks: number
}

/** Until it is called. */
export function watchCommandLines(texts: readonly string[]): () => Promise<Watched> {
  const flag = new SharedArrayBuffer(4)
  const worker = new Worker(WATCH, { eval: true, workerData: { flag, texts } })
  const answer = new Promise<Watched>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return async () => {
    Atomics.store(new Int32Array(flag), 0, 1)
    return await answer
  }
}
