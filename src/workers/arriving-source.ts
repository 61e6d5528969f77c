/** A source of bases for a thread that must not wait: answers arrive while it does something else. */
import type { BaseAnswer, BaseRequest, BaseSource } from './bases.ts'

export type ArrivingSource = BaseSource & {
  /** Resolves when every answer so far is there; rejects where the repository could not be asked. */
  settled(): Promise<void>
}

export function createArrivingSource(read: (request: BaseRequest) => Promise<BaseAnswer>): ArrivingSource {
  const asked = new Set<Promise<void>>()
  return {
    ask(request) {
      let answer: BaseAnswer | undefined
      const arrival: Promise<void> = read(request).then((bases) => {
        answer = bases
        asked.delete(arrival)
      })
      arrival.catch(() => undefined) // told by `settled`
      asked.add(arrival)
      return { take: () => answer }
    },
    async settled() {
      await Promise.all(asked)
    },
  }
}
