/** Tells the channels of a configuration of the conditions that there are. */
import { withoutSecrets } from '../../base/without-secrets.ts'
import { messageOf } from '../../model/errors.ts'
import type { Config } from '../config/config.ts'
import type { AlertMemory } from './alert-memory.ts'
import type { Condition } from './condition.ts'
import { type DeliveryPorts, deliver } from './deliver.ts'
import { isWatched, type Watched } from './is-watched.ts'
import { alertMessage, type Sender } from './message.ts'
import type { Audience, Delivery } from './plan-alerts.ts'
import { type ToldAll, tellAll } from './tell-all.ts'

export type TellRequest = Sender & {
  readonly config: Watched & Pick<Config, 'channels'>
  /** All that there are: what is not among them is over. */
  readonly conditions: readonly Condition[]
  readonly memory: AlertMemory
  /** Taken out of what a channel says of itself. */
  readonly secrets: readonly string[]
  /** Where `memory` is not kept: what counts as told without being told again. */
  readonly recently?: RecentlyTold
}

export type RecentlyTold = {
  readonly has: (delivery: Delivery) => boolean
  readonly add: (delivery: Delivery) => void
}

/** Never rejects: who cannot be told is in the answer, and is tried again with the next evaluation. */
export async function tellPeople(request: TellRequest, ports: DeliveryPorts): Promise<ToldAll> {
  const { config, conditions, memory, secrets, now, recently } = request
  const asked = {
    conditions,
    memory,
    channels: [...config.channels.values()],
    audience: audienceOf(config),
    isWatched: (condition: Condition) => isWatched(condition, config),
    now,
  }
  return await tellAll(asked, async (delivery) => {
    const { channel, alert } = delivery
    if (recently?.has(delivery) === true) return
    const way = config.channels.get(channel)
    if (way === undefined) return
    try {
      await deliver(way, alertMessage(alert, request), ports)
    } catch (error) {
      throw new Error(withoutSecrets(messageOf(error), secrets))
    }
    recently?.add(delivery)
  })
}

function audienceOf({ jobs }: Pick<Config, 'jobs'>): Audience {
  return new Map(
    [...jobs.values()].flatMap(({ name, notify }) => (notify === undefined ? [] : [[name, notify]])),
  )
}
