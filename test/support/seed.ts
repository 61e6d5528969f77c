/**
 * The seed of every property test: the same in every run, so that a change that breaks nothing fails nothing. Long runs try others:
 * `SNAP_TEST_SEED=$RANDOM npm run test:quick`.
 */
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['SNAP_TEST_SEED'] ?? 2_026) })
