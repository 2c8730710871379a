import { send } from './client.ts'
import { proven, type Scene } from './scene.ts'
import { API } from './setting.ts'

/** What came of sending copies of one proof at once, again and again with another proof. */
export interface Race {
  readonly rounds: number
  readonly copies: number
  /** How many copies of each proof were let in. */
  readonly admitted: readonly number[]
  /** Proofs of which none was let in because Redis did not answer in time (503): the proof may be used up. */
  readonly unknown: number
}

/** Of each proof one copy was let in, and none only where nobody can know. */
export const isFair = ({ admitted, unknown }: Race): boolean =>
  admitted.every((count) => count <= 1) && admitted.filter((count) => count === 0).length === unknown

/** Copies of one proof, half of them at each replica, all at the same time. Undefined with one replica. */
export async function race(scene: Scene, rounds = 20, copies = 50): Promise<Race | undefined> {
  const { edge, replica } = scene.setting
  if (!replica) return undefined
  const admitted: number[] = []
  let unknown = 0
  for (let round = 0; round < rounds; round += 1) {
    const headers = await proven(scene)
    const answers = await Promise.all(
      Array.from({ length: copies }, (_, copy) =>
        send(copy % 2 === 0 ? edge : replica.edge, { url: `${API}/accounts`, headers }),
      ),
    )
    const count = answers.filter(({ status }) => status === 200).length
    admitted.push(count)
    if (count === 0 && answers.some(({ status }) => status === 503)) unknown += 1
  }
  return { rounds, copies, admitted, unknown }
}
