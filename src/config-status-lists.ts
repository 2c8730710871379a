import { z } from 'zod'
import { duration } from './durations.ts'

const place = 'host or host:port, in lower case and without :443'

/** Where the Token Status Lists of an authorization server lie, and what becomes of tokens while they cannot be had. */
export const statusList = z.strictObject({
  /** The token names the place; lists are fetched from these hosts and no others, over https. */
  hosts: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?$/, { error: place, abort: true })
        .refine((host) => URL.canParse(`https://${host}`) && new URL(`https://${host}`).host === host, {
          error: place,
        }),
    )
    .min(1)
    .max(16),
  /** Tokens without a status are refused; otherwise they may live as long as shortLived. */
  required: z.boolean().default(false),
  /** `soft`: an old list serves on, and without one tokens pass that live no longer than shortLived. */
  onFailure: z.enum(['hard', 'soft']).default('hard'),
  timeout: duration(0.1, 10).prefault('3s'),
  /** Of a Status List Token as it is sent. */
  maxBytes: z.int().min(1024).max(8_388_608).default(1_048_576),
  maxUnpackedBytes: z.int().min(1024).max(33_554_432).default(16_777_216),
})
