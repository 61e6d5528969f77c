/** Puts tables between the marks of a document: what is between `<!-- bench NAME -->` and `<!-- end -->` is replaced. */
import type { Result, TrialResult } from '../result.ts'
import { aimsTable, trialTable } from './table.ts'

const GB = 1e9

function sizes({ versions }: TrialResult): string {
  const [first] = versions
  if (first === undefined) return ''
  const many = versions.length === 1 ? '' : `, ${versions.length} versions`
  return `${first.files.toLocaleString('en')} files, ${(first.bytes / GB).toFixed(2)} GB${many}`
}

const trialSection = (trial: TrialResult) =>
  `### ${trial.name}\n\n${trial.description} (${sizes(trial)}).\n\n${trialTable(trial)}`

function machineSection({ machine, versions, command }: Result): string {
  const tools = Object.entries(versions).map(([name, version]) => `${name}: ${version}`)
  return `${machine.processor}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}, Node ${machine.node}, ${machine.date}. ${tools.join('; ')}.\n\n\`\`\`\n${command}\n\`\`\``
}

/** What can stand in a document, by the names in its marks. */
export const sectionsOf = (result: Result): Readonly<Record<string, string>> => ({
  machine: machineSection(result),
  aims: aimsTable(result),
  trials: result.trials.map(trialSection).join('\n\n'),
})

export function filled(page: string, sections: Readonly<Record<string, string>>): string {
  return page.replaceAll(
    /(<!-- bench (\S+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (whole, head: string, name: string, tail: string) =>
      sections[name] === undefined ? whole : `${head}\n${sections[name]}\n\n${tail}`,
  )
}
