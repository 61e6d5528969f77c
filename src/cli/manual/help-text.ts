/** What help says behind the options, taken apart: prose, what exit statuses mean to this command, and examples. */
export type HelpText = {
  /** As it was written, without what follows. */
  readonly prose: string
  /** By status: what it means here. */
  readonly statuses: ReadonlyMap<number, string>
  /** Command lines, without the prompt. */
  readonly examples: readonly string[]
}

const EXAMPLES = /^Examples?:\n/m
const STATUS = /Exit status (\d+): ([^.]+)\.\s*/g

export function readHelpText(text: string): HelpText {
  const [before = '', examples = ''] = text.split(EXAMPLES)
  const statuses = [...before.matchAll(STATUS)].map(
    ([, status, meaning = '']) => [Number(status), meaning] as const,
  )
  return {
    prose: before.replaceAll(STATUS, '').trim(),
    statuses: new Map(statuses),
    examples: examples
      .split('\n')
      .map((line) => line.replace(/^ *\$ /, ''))
      .filter((line) => line.trim() !== ''),
  }
}
