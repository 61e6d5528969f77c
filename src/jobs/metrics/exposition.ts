/** The text format of Prometheus (0.0.4): families of samples, each with its help and type. It knows no figures. */

export type Sample = {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** All are gauges: what is counted here goes down again too. */
export type Family = {
  /** Without the prefix `snap_`. */
  readonly name: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const PREFIX = 'snap_'

/** Families without a sample are left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, samples }) => {
      const full = PREFIX + name
      const head = `# HELP ${full} ${escapedHelp(help)}\n# TYPE ${full} gauge\n`
      return head + samples.map((sample) => `${full}${labelText(sample.labels)} ${sample.value}\n`).join('')
    })
    .join('')
}

function labelText(labels: Sample['labels']): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(value)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const escapedHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapedLabel = (text: string): string => escapedHelp(text).replaceAll('"', '\\"')
