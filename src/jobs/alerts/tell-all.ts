/** Tells channels what is due, remembers who knows, and tells those that work of those that do not. It knows no channel's ways. */
import { addTo } from '../../base/lists.ts'
import { messageOf } from '../../model/errors.ts'
import type { AlertMemory } from './alert-memory.ts'
import { type AlertRequest, type Delivery, type Outcome, planAlerts, remember } from './plan-alerts.ts'

/** Of one channel in one round. */
const FAILURES_MAX = 3

/** Rejects with why it could not be delivered. */
export type Send = (delivery: Delivery) => Promise<void>

export type ToldAll = {
  /** For the next evaluation. */
  readonly memory: AlertMemory
  readonly delivered: readonly Delivery[]
  /** By channel, why it could not be told. */
  readonly failures: ReadonlyMap<string, string>
}

/**
 * Channels are told side by side, each of one thing after the other; one that fails is left alone until the next evaluation. Never
 * rejects: who cannot be told is in the answer.
 */
export async function tellAll(request: AlertRequest, send: Send): Promise<ToldAll> {
  const failures = new Map<string, string>()
  const delivered: Delivery[] = []
  let { memory } = request
  // Each round but the last tells somebody or finds a channel that fails, of which the next round tells the others.
  for (let rounds = request.channels.length + 3; rounds > 0; rounds--) {
    const plan = planAlerts({ ...request, memory })
    const due = plan.deliveries.filter(({ channel }) => !failures.has(channel))
    memory = plan.memory
    if (due.length === 0) break
    const outcomes = await sendAll(due, send)
    memory = remember(memory, outcomes, request.now)
    for (const { channel, alert, error } of outcomes) {
      if (error === undefined) delivered.push({ channel, alert })
      else failures.set(channel, error)
    }
  }
  return { memory, delivered, failures }
}

async function sendAll(deliveries: readonly Delivery[], send: Send): Promise<Outcome[]> {
  const byChannel = new Map<string, Delivery[]>()
  for (const delivery of deliveries) addTo(byChannel, delivery.channel, delivery)
  const outcomes = await Promise.all([...byChannel.values()].map((own) => sendInTurn(own, send)))
  return outcomes.flat()
}

/** Until too many have failed: what comes behind would wait as long, and fail too. One that is refused for itself keeps none from the others. */
async function sendInTurn(deliveries: readonly Delivery[], send: Send): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const delivery of deliveries) {
    const error = await send(delivery).then(() => undefined, messageOf)
    outcomes.push({ ...delivery, error })
    if (outcomes.filter((outcome) => outcome.error !== undefined).length >= FAILURES_MAX) break
  }
  return outcomes
}
