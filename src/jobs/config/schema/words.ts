/** What several keys of `snap.yaml` have in common: names, texts, stretches of time, sizes, commands. */
import { z } from 'zod'
import { NAME_PATTERN } from '../names.ts'

export const name = (of: string): z.ZodType<string> =>
  z
    .string()
    .regex(NAME_PATTERN, `the name of a ${of}: letters, digits, dots, dashes and underscores, at most 64`)
export const text = (what: string): z.ZodType<string> => z.string().min(1, what).describe(what)
export const names = (of: string): z.ZodType<string[]> => z.array(name(of))
export const duration = (what: string): z.ZodType<string> =>
  z.string().describe(`${what}, as 90s, 5m, 26h or 7d`)
export const size = (what: string): z.ZodType<string | number> =>
  z.union([z.string(), z.int().min(0)], 'a size, as 500M or 1.5G').describe(`${what}, as 500M or 1.5G`)
export const secret = (what: string): z.ZodType<string> =>
  z.string().min(1).describe(`${what}: as it is, \${VARIABLE}, or file:PATH`)
export const command = (what: string): z.ZodType<string[]> => z.array(z.string()).min(1).describe(what)
export const variables = (what: string): z.ZodType<Record<string, string>> =>
  z.record(z.string(), z.string()).describe(what)
