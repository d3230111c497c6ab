/** Start, stop and the others, for one instance or many; what cannot be undone is asked about first. */
import { LazyUpgradeModal } from '#components'
import {
  destroyInstance, killInstance, moveInstance, restartInstance, startInstance, stopInstance, upgradeInstance, type InstanceSummary,
} from '~/api'

type Target = Pick<InstanceSummary, 'id' | 'name' | 'state' | 'wanted' | 'players'>

const CALLS = {
  start: (id: string) => ask(startInstance({ path: { instance: id } })),
  stop: (id: string) => ask(stopInstance({ path: { instance: id } })),
  restart: (id: string) => ask(restartInstance({ path: { instance: id } })),
  kill: (id: string) => ask(killInstance({ path: { instance: id } })),
  destroy: (id: string) => ask(destroyInstance({ path: { instance: id } })),
  /** To the node with the most room; the Brain refuses with the reason where there is none. */
  move: (id: string) => ask(moveInstance({ path: { instance: id }, body: { restart: true } })),
  upgrade: (id: string) => ask(upgradeInstance({ path: { instance: id }, body: { restart: true } })),
}

const ASKED_ABOUT = new Set<Action>(['stop', 'restart', 'kill', 'destroy', 'move', 'upgrade'])
/** Requests under way at once in a bulk action. */
const AT_ONCE = 6

export function useInstanceActions() {
  const { t } = useI18n()
  const tell = useTell()
  const confirm = useConfirm()
  const text = useProblemText()
  const upgrading = useOverlay().create(LazyUpgradeModal)

  async function act(action: Action, given: readonly Target[]): Promise<boolean> {
    const targets = given.filter(each => offers(action, each))
    const [only] = targets
    if (action === 'upgrade' && only && targets.length === 1) return await planned(only)
    if (!targets.length || !await agreed(action, targets)) return false
    const failures = await runAll(targets, target => CALLS[action](target.id))
    const [first] = failures
    if (first && targets.length === 1) tell.failed(first.error)
    else if (first) tell.failed(new ApiProblem({ code: 'some_failed', detail: first.error.message, params: { count: failures.length, total: targets.length, name: first.target.name, why: text(first.error).title } }))
    else tell.done(t(`instances.did.${action}`, { count: targets.length, name: targets[0]?.name ?? '' }, targets.length))
    return failures.length < targets.length
  }

  /** One instance's upgrade is asked for where its plan is shown. */
  async function planned(target: Target): Promise<boolean> {
    const done = (await upgrading.open({ instance: target }).result) === true
    if (done) tell.done(t('instances.did.upgrade', { count: 1, name: target.name }, 1))
    return done
  }

  async function agreed(action: Action, targets: Target[]): Promise<boolean> {
    if (!ASKED_ABOUT.has(action)) return true
    const players = targets.reduce((sum, each) => sum + each.players, 0)
    return await confirm({
      title: t(`instances.ask.${action}.title`, { count: targets.length, name: targets[0]?.name ?? '' }, targets.length),
      text: t(`instances.ask.${action}.text`, targets.length),
      points: [
        ...(players ? [t('instances.ask.players', players)] : []),
        ...(targets.length > 1 ? [targets.map(each => each.name).slice(0, 12).join(', ') + (targets.length > 12 ? ', …' : '')] : []),
      ],
      button: t(`instances.actions.${action}`),
      dangerous: action === 'destroy' || action === 'kill',
    })
  }

  return { act }
}

interface Failure {
  target: Target
  error: ApiProblem
}

async function runAll(targets: Target[], call: (target: Target) => Promise<unknown>): Promise<Failure[]> {
  const failures: Failure[] = []
  const waiting = [...targets]
  async function work() {
    for (let target = waiting.shift(); target; target = waiting.shift()) {
      try {
        await call(target)
      } catch (error) {
        failures.push({ target, error: problemOf(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return failures
}
