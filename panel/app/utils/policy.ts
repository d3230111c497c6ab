/** What follows when a server ends by itself, and when its node is lost. */
import type { CreateInstance, InstanceOut, OnNodeLoss, RestartChoice, RestartOn, RestartPolicy } from '~/api'

type Numbers = 'attempts' | 'interval' | 'backoff_min' | 'backoff_max' | 'clear_after'

/** As a form holds it: what is left empty is decided by the game, the layers or the Brain. */
export interface Policy extends Record<Numbers, number | undefined> {
  on: RestartOn | ''
  persistent: boolean | null
  on_node_loss: OnNodeLoss | ''
  replace_after_s: number | undefined
  lease_s: number | undefined
}

export const RESTART_NUMBERS: { name: Numbers, min: number, max: number }[] = [
  { name: 'attempts', min: 1, max: 1000 },
  { name: 'interval', min: 0, max: 86_400 },
  { name: 'backoff_min', min: 0, max: 86_400 },
  { name: 'backoff_max', min: 0, max: 86_400 },
  { name: 'clear_after', min: 0, max: 86_400 },
]

export function emptyPolicy(): Policy {
  return {
    on: '', attempts: undefined, interval: undefined, backoff_min: undefined, backoff_max: undefined, clear_after: undefined,
    persistent: null, on_node_loss: '', replace_after_s: undefined, lease_s: undefined,
  }
}

export function policyOf(instance: Pick<InstanceOut, 'restart_choice' | 'persistent' | 'on_node_loss' | 'replace_after_s' | 'lease_s'>): Policy {
  const choice = instance.restart_choice ?? {}
  const numbers = Object.fromEntries(RESTART_NUMBERS.map(({ name }) => [name, choice[name] ?? undefined])) as Pick<Policy, Numbers>
  return {
    ...numbers,
    on: choice.on ?? '',
    persistent: instance.persistent,
    on_node_loss: instance.on_node_loss,
    replace_after_s: instance.replace_after_s ?? undefined,
    lease_s: instance.lease_s,
  }
}

/** What it wants otherwise than its game; empty where it wants nothing else. */
export function restartChoice(policy: Policy): RestartChoice {
  const given = RESTART_NUMBERS.map(({ name }) => [name, policy[name]] as const).filter(([, value]) => value != null)
  return { ...(policy.on ? { on: policy.on } : {}), ...Object.fromEntries(given) }
}

/** What is sent: empty fields mean "not given". */
export function policyBody(policy: Policy): Pick<CreateInstance, 'restart_policy' | 'persistent' | 'on_node_loss' | 'replace_after_s' | 'lease_s'> {
  const choice = restartChoice(policy)
  return {
    restart_policy: Object.keys(choice).length ? choice : null,
    persistent: policy.persistent,
    on_node_loss: policy.on_node_loss || null,
    replace_after_s: policy.replace_after_s ?? null,
    lease_s: policy.lease_s ?? null,
  }
}

/** A server with a world of its own that may be replaced is only lent to its node. */
export function isLent(policy: Policy, worldOtherwise: boolean | undefined): boolean {
  return policy.on_node_loss === 'replace' && (policy.persistent ?? worldOtherwise ?? true)
}

/** The first wait is longer than the longest: no such policy is taken. */
export function backoffWrong(policy: Policy, game: RestartPolicy | undefined): boolean {
  const least = policy.backoff_min ?? game?.backoff_min
  const most = policy.backoff_max ?? game?.backoff_max
  return least !== undefined && most !== undefined && least > most
}
