/** The executor for small runs, tests, and platforms without threads: everything on the calling thread. */
import { createArrivingSource } from './arriving-source.ts'
import type { Executor, ExecutorFactory } from './executor.ts'
import { makePipeline } from './make-pipeline.ts'
import type { CheckedPack } from './pack-filler.ts'

export const createInThreadExecutor: ExecutorFactory = (setup, ports, source): Executor => {
  const finished: CheckedPack[] = []
  const bases = createArrivingSource(ports.bases)
  const pipeline = makePipeline(setup, {
    source,
    nextTicket: ports.ticket,
    onPack: (pack) => finished.push(pack),
    bases,
  })

  /** One after the other, so that whoever waits for the last waits for all; a failure is that of all that follow. */
  let storing: Promise<void> = Promise.resolve()
  const storeFinished = (): Promise<void> => {
    storing = storing.then(async () => {
      for (let pack = finished.shift(); pack !== undefined; pack = finished.shift()) await ports.store(pack)
    })
    return storing
  }

  return {
    parallel: 1,
    scanners: 0,
    async run(task) {
      const result = pipeline.run(task)
      await bases.settled()
      pipeline.deltas?.encode()
      await storeFinished()
      return result
    },
    async flush() {
      pipeline.deltas?.close()
      await bases.settled()
      pipeline.flush()
      await storeFinished()
    },
    async [Symbol.asyncDispose]() {
      pipeline[Symbol.dispose]()
    },
  }
}
