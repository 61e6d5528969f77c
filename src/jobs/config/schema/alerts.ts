/** From where on something is trouble, in `snap.yaml`. */
import { z } from 'zod'
import { duration, size } from './words.ts'

export type RawAlerts = {
  'free-percent'?: number | undefined
  'free-space'?: string | number | undefined
  'days-until-full'?: number | undefined
  'anomaly-factor'?: number | undefined
  'anomaly-size'?: string | number | undefined
}

export const alerts: z.ZodType<RawAlerts> = z
  .strictObject({
    'free-percent': z.number().min(0).max(100).describe('a disk with less free is low (5)').optional(),
    'free-space': size('a disk with less free is low (1G)').optional(),
    'days-until-full': z.number().min(0).describe('one that is full sooner is low (7)').optional(),
    'anomaly-factor': z
      .number()
      .min(1)
      .describe('so many times more or less than usual is told (10)')
      .optional(),
    'anomaly-size': size('a difference below that is not told (64M)').optional(),
  })
  .describe('from where on something is trouble')

export type RawObjective = {
  'recovery-point'?: string | undefined
  'recovery-time'?: string | undefined
}

export const objective: z.ZodType<RawObjective> = z
  .strictObject({
    'recovery-point': duration('its last complete snapshot is to be no older').optional(),
    'recovery-time': duration('a drill is to have it back, checked, within').optional(),
  })
  .describe('what is to be met for a category')
