import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AlertMemory,
  decodeMemory,
  encodeMemory,
  NOTHING_REMEMBERED,
} from '../../../../src/jobs/alerts/alert-memory.ts'
import {
  CONDITION_KINDS,
  type Condition,
  type ConditionKind,
  type Severity,
} from '../../../../src/jobs/alerts/condition.ts'
import type { Audience, ChannelRule, Delivery } from '../../../../src/jobs/alerts/plan-alerts.ts'
import { type ToldAll, tellAll } from '../../../../src/jobs/alerts/tell-all.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function condition(key: string, severity: Severity = 'warning'): Condition {
  const [kind, job] = key.split(':')
  const about = ['unreachable', 'low-disk', 'damaged'].includes(kind!) ? { repository: job } : { job }
  return { key, kind: kind as ConditionKind, severity, title: key, text: 'why', ...about }
}

const rule = (name: string, more: Partial<ChannelRule> = {}): ChannelRule => ({
  name,
  on: undefined,
  repeatMs: DAY,
  ...more,
})

/** Evaluations one after the other; memory goes through JSON between them, as it does in a database. */
class World {
  memory: AlertMemory = NOTHING_REMEMBERED
  now = 1_700_000_000_000
  readonly #channels: readonly ChannelRule[]
  readonly #audience: Audience
  readonly broken = new Set<string>()
  /** Jobs that are in the configuration no more. */
  readonly removed = new Set<string>()

  constructor(channels: readonly ChannelRule[], audience: Audience = new Map()) {
    this.#channels = channels
    this.#audience = audience
  }

  async evaluate(...conditions: readonly (Condition | string)[]): Promise<ToldAll & { words: string[] }> {
    const request = {
      conditions: conditions.map((each) => (typeof each === 'string' ? condition(each) : each)),
      memory: decodeMemory(encodeMemory(this.memory)),
      channels: this.#channels,
      audience: this.#audience,
      isWatched: ({ job }: Condition) => job === undefined || !this.removed.has(job),
      now: this.now,
    }
    const told = await tellAll(request, async ({ channel }) => {
      if (this.broken.has(channel)) throw new Error(`${channel} is broken`)
    })
    this.memory = told.memory
    const words = told.delivered.map(
      ({ channel, alert }) => `${channel} ${alert.event} ${alert.condition.key}`,
    )
    return { ...told, words: words.sort() }
  }

  async words(...conditions: readonly (Condition | string)[]): Promise<string[]> {
    return (await this.evaluate(...conditions)).words
  }

  after(ms: number): this {
    this.now += ms
    return this
  }
}

describe('an alert', () => {
  it('of a job that was removed is not told to be over', async () => {
    const world = new World([rule('mail')])
    await world.words('failed:a', 'failed:b')
    world.removed.add('a')
    expect(await world.words()).toEqual(['mail cleared failed:b', 'mail dropped failed:a'])
    expect(await world.after(2 * DAY).words()).toEqual([])
  })

  it('is told when its condition begins, after each repeat, and when it is over', async () => {
    const world = new World([rule('mail'), rule('log', { repeatMs: undefined })])
    expect(await world.words('failed:a')).toEqual(['log raised failed:a', 'mail raised failed:a'])
    expect(await world.words('failed:a')).toEqual([])
    expect(await world.after(DAY - 1).words('failed:a')).toEqual([])
    expect(await world.after(1).words('failed:a')).toEqual(['mail repeated failed:a'])
    expect(await world.after(DAY - 1).words('failed:a')).toEqual([])
    expect(await world.words()).toEqual(['log cleared failed:a', 'mail cleared failed:a'])
    expect(world.memory).toEqual(NOTHING_REMEMBERED)
    expect(await world.words('failed:a')).toEqual(['log raised failed:a', 'mail raised failed:a'])
  })

  it('says since when, and until when', async () => {
    const world = new World([rule('mail')])
    const begin = world.now
    await world.evaluate('failed:a')
    world.after(DAY)
    const { delivered } = await world.evaluate('failed:a')
    expect(delivered[0]?.alert).toMatchObject({ event: 'repeated', since: begin, until: undefined })
    world.after(HOUR)
    world.broken.add('mail')
    await world.evaluate()
    world.broken.clear()
    world.after(HOUR)
    const over = await world.evaluate()
    expect(over.delivered[0]?.alert).toMatchObject({
      event: 'cleared',
      since: begin,
      until: begin + DAY + HOUR,
    })
  })

  it('is told again at once where it becomes worse, and not where it becomes better', async () => {
    const world = new World([rule('mail')])
    await world.evaluate(condition('low-disk:x', 'warning'))
    expect(await world.after(HOUR).words(condition('low-disk:x', 'critical'))).toEqual([
      'mail raised low-disk:x',
    ])
    expect(await world.after(HOUR).words(condition('low-disk:x', 'warning'))).toEqual([])
    expect(await world.after(HOUR).words(condition('low-disk:x', 'critical'))).toEqual([])
    expect(await world.after(DAY).words(condition('low-disk:x', 'warning'))).toEqual([
      'mail repeated low-disk:x',
    ])
    expect(await world.after(HOUR).words(condition('low-disk:x', 'critical'))).toEqual([
      'mail raised low-disk:x',
    ])
  })

  it('goes to channels that want its kind, and that its job names', async () => {
    const channels = [rule('disks', { on: ['low-disk', 'stale'] }), rule('ops'), rule('night')]
    const world = new World(
      channels,
      new Map([
        ['a', ['night', 'disks']],
        ['quiet', []],
      ]),
    )
    const all = ['failed:a', 'stale:a', 'failed:b', 'failed:quiet', 'low-disk:local']
    expect(await world.words(...all)).toEqual([
      'disks raised low-disk:local',
      'disks raised stale:a',
      'night raised failed:a',
      'night raised failed:b',
      'night raised low-disk:local',
      'night raised stale:a',
      'ops raised failed:b',
      'ops raised low-disk:local',
    ])
  })

  it('is forgotten of channels that are no more', async () => {
    const world = new World([rule('mail')])
    await world.evaluate('failed:a')
    const { memory } = await tellAll(
      {
        conditions: [],
        memory: world.memory,
        channels: [rule('log')],
        audience: new Map(),
        isWatched: () => true,
        now: world.now,
      },
      async () => expect.unreachable(),
    )
    expect(memory).toEqual(NOTHING_REMEMBERED)
  })

  it('is repeated where the clock was put back, not silenced', async () => {
    const world = new World([rule('mail')])
    await world.after(300 * DAY).evaluate('failed:a')
    expect(await world.after(-300 * DAY).words('failed:a')).toEqual(['mail repeated failed:a'])
    expect(await world.after(HOUR).words('failed:a')).toEqual([])
  })

  it('goes to channels with names that objects have of themselves', async () => {
    const world = new World([rule('constructor'), rule('toString')], new Map([['a', ['toString']]]))
    world.broken.add('constructor')
    expect(await world.words('failed:a')).toEqual(['toString raised failed:a'])
  })
})

describe('a channel that fails', () => {
  it('gets it afterwards, and the others hear of that meanwhile', async () => {
    const world = new World([rule('mail'), rule('log')])
    world.broken.add('mail')
    const first = await world.evaluate('failed:a')
    expect(first.words).toEqual(['log raised failed:a', 'log raised undelivered:mail'])
    expect([...first.failures]).toEqual([['mail', 'mail is broken']])
    expect(await world.after(HOUR).words('failed:a')).toEqual([])
    world.broken.clear()
    expect(await world.after(HOUR).words('failed:a')).toEqual([
      'log cleared undelivered:mail',
      'mail raised failed:a',
    ])
  })

  it('is no trouble any more where it has missed nothing that lasts', async () => {
    const world = new World([rule('mail'), rule('log')])
    world.broken.add('mail')
    await world.evaluate('failed:a')
    expect(await world.words()).toEqual(['log cleared failed:a', 'log cleared undelivered:mail'])
    expect(world.memory).toEqual(NOTHING_REMEMBERED)
  })

  it('is tried with no more than a few of many alerts', async () => {
    let tries = 0
    const conditions = Array.from({ length: 50 }, (_, index) => condition(`failed:job${index}`))
    const request = {
      conditions,
      memory: NOTHING_REMEMBERED,
      channels: [rule('mail')],
      audience: new Map(),
      isWatched: () => true,
      now: 1,
    }
    await tellAll(request, async () => {
      tries += 1
      throw new Error('hangs')
    })
    expect(tries).toBe(3)
  })

  it('for one alert alone gets the others all the same', async () => {
    const request = {
      conditions: ['failed:a', 'failed:b', 'failed:c'].map((key) => condition(key)),
      memory: NOTHING_REMEMBERED,
      channels: [rule('hook')],
      audience: new Map(),
      isWatched: () => true,
      now: 1,
    }
    const { delivered } = await tellAll(request, async ({ alert }) => {
      if (alert.condition.key === 'failed:a') throw new Error('too strange')
    })
    expect(delivered.map(({ alert }) => alert.condition.key)).toEqual(['failed:b', 'failed:c'])
  })

  it('together with all others ends the evaluation', async () => {
    const world = new World(['a', 'b', 'c', 'd'].map((name) => rule(name)))
    for (const name of ['a', 'b', 'c', 'd']) world.broken.add(name)
    const { words, failures } = await world.evaluate('failed:x')
    expect(words).toEqual([])
    expect([...failures.keys()]).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('what is remembered', () => {
  it.each(['', '{', 'null', '[]', '{"conditions":[{}],"failing":[]}', '{"conditions":1}'])(
    'is nothing where it reads %j',
    (text) => expect(decodeMemory(text)).toEqual(NOTHING_REMEMBERED),
  )
})

const KEYS = ['failed:a', 'failed:b', 'stale:a', 'low-disk:x', 'damaged:x']
const NAMES = ['one', 'two', 'three']

type Step = {
  readonly ms: number
  readonly present: readonly string[]
  readonly broken: readonly string[]
}

const steps = fc.array(
  fc.record<Step>({
    ms: fc.oneof(fc.integer({ min: 1, max: 3 * HOUR }), fc.integer({ min: HOUR, max: 3 * DAY })),
    present: fc.subarray(KEYS),
    broken: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(NAMES) }),
  }),
  { minLength: 1, maxLength: 30 },
)
const rules = fc
  .array(
    fc.record({
      repeatMs: fc.constantFrom(undefined, 6 * HOUR, DAY),
      on: fc.constantFrom(undefined, [...CONDITION_KINDS], ['failed', 'stale'] as ConditionKind[]),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((each) => each.map((more, index) => rule(NAMES[index]!, more)))

type Heard = { readonly at: number; readonly step: number; readonly event: string; readonly key: string }

/** What each channel heard, step by step. */
async function history(channels: readonly ChannelRule[], sequence: readonly Step[]) {
  const world = new World(channels)
  const heard = new Map<string, Heard[]>(channels.map(({ name }) => [name, []]))
  const times: number[] = []
  for (const [step, { ms, present, broken }] of sequence.entries()) {
    world.after(ms).broken.clear()
    for (const name of broken) world.broken.add(name)
    times.push(world.now)
    const { delivered } = await world.evaluate(...present)
    for (const { channel, alert } of delivered)
      heard.get(channel)!.push({ at: world.now, step, event: alert.event, key: alert.condition.key })
  }
  return { heard, times }
}

const wants = ({ on }: ChannelRule, key: string): boolean =>
  on === undefined || on.includes(key.split(':')[0] as ConditionKind)

describe('whatever happens', () => {
  const holds = (
    check: (
      channel: ChannelRule,
      own: readonly Heard[],
      sequence: readonly Step[],
      times: readonly number[],
    ) => void,
  ) =>
    fc.assert(
      fc.asyncProperty(rules, steps, async (channels, sequence) => {
        const { heard, times } = await history(channels, sequence)
        for (const channel of channels) check(channel, heard.get(channel.name)!, sequence, times)
      }),
      { numRuns: 300 },
    )

  /** The first step of the stretch without a gap that ends with `step`. */
  function beginOf(sequence: readonly Step[], key: string, step: number): number {
    let begin = step
    while (begin > 0 && sequence[begin - 1]!.present.includes(key)) begin -= 1
    return begin
  }

  it('a channel that works knows at each moment of all that it wants to, and no longer ago than its repeat', () =>
    holds((channel, own, sequence, times) => {
      for (const [step, { present, broken }] of sequence.entries()) {
        if (broken.includes(channel.name)) continue
        for (const key of present.filter((each) => wants(channel, each))) {
          const begin = times[beginOf(sequence, key, step)]!
          const last = own.findLast(
            (each) => each.key === key && each.step <= step && each.event !== 'cleared',
          )
          expect(last?.at).toBeGreaterThanOrEqual(begin)
          if (channel.repeatMs !== undefined) expect(times[step]! - last!.at).toBeLessThan(channel.repeatMs)
        }
      }
    }))

  it('nothing that stays is told twice within the repeat, and nothing for the first time twice', () =>
    holds((channel, own, sequence) => {
      for (const [index, each] of own.entries()) {
        if (each.event === 'cleared') continue
        const before = own.slice(0, index).findLast(({ key }) => key === each.key)
        const stays = before !== undefined && beginOf(sequence, each.key, each.step) <= before.step
        if (!stays || before.event === 'cleared' || each.key.startsWith('undelivered')) continue
        expect(each.event).toBe('repeated')
        expect(each.at - before.at).toBeGreaterThanOrEqual(channel.repeatMs ?? Number.POSITIVE_INFINITY)
      }
    }))

  it('nothing is over that was not told, and nothing is over twice', () =>
    holds((_, own) => {
      for (const [index, each] of own.entries()) {
        if (each.event !== 'cleared') continue
        const before = own.slice(0, index).findLast(({ key }) => key === each.key)
        expect(before?.event).toMatch(/raised|repeated/)
      }
    }))

  it('a channel that works has heard that what is over is over', () =>
    holds((channel, own, sequence) => {
      for (const [step, { present, broken }] of sequence.entries()) {
        if (broken.includes(channel.name)) continue
        for (const key of KEYS.filter((each) => !present.includes(each))) {
          const last = own.findLast((each) => each.key === key && each.step <= step)
          expect(last?.event ?? 'cleared').toBe('cleared')
        }
      }
    }))

  it('a channel hears nothing that it does not want, and never of itself', () =>
    holds((channel, own) => {
      expect(own.filter(({ key }) => !wants(channel, key) || key === `undelivered:${channel.name}`)).toEqual(
        [],
      )
    }))

  it('a channel that misses something is told of to one that works', () =>
    fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const channels = [rule('one'), rule('two')]
        const { heard } = await history(
          channels,
          sequence.map((step) => ({ ...step, broken: step.broken.filter((name) => name === 'two') })),
        )
        for (const [step, { broken, present }] of sequence.entries()) {
          const knows = (key: string): boolean =>
            heard
              .get('two')!
              .findLast((each) => each.step <= step && each.key === key)
              ?.event.match(/raised|repeated/) != null
          if (!broken.includes('two') || present.every(knows)) continue
          const last = heard
            .get('one')!
            .findLast((each) => each.step <= step && each.key === 'undelivered:two')
          expect(last?.event).toMatch(/raised|repeated/)
        }
      }),
      { numRuns: 300 },
    ))

  it('an evaluation without news delivers nothing and changes nothing', () =>
    fc.assert(
      fc.asyncProperty(rules, fc.subarray(KEYS), async (channels, present) => {
        const world = new World(channels)
        await world.evaluate(...present)
        const { memory } = world
        const sent: Delivery[] = [...(await world.evaluate(...present)).delivered]
        expect(sent).toEqual([])
        expect(world.memory).toEqual(memory)
      }),
    ))
})
