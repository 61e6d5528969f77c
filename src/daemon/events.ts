/** What happens in the daemon, for whoever listens. */
export type DaemonEvent = {
  readonly event: 'run_queued' | 'run_started' | 'run_progress' | 'run_ended' | 'run_skipped' | 'reloaded'
  readonly run_id?: string | undefined
  readonly job?: string | undefined
  readonly [field: string]: unknown
}

export type EventListener = (event: DaemonEvent) => void

export class Events {
  readonly #listeners = new Set<EventListener>()

  /** Until the answer is disposed of. */
  listen(listener: EventListener): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }

  get listeners(): number {
    return this.#listeners.size
  }

  emit(event: DaemonEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
