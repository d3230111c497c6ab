/** How states look: one colour and one icon each, the same everywhere. */
import type { NodeState, State } from '~/api'

export type Tone = 'success' | 'info' | 'warning' | 'error' | 'neutral' | 'primary'

export interface Look {
  tone: Tone
  icon: string
}

export const STATES: State[] = [
  'running', 'starting', 'preparing', 'requested', 'stopping', 'stopped', 'moving', 'lost', 'failed', 'destroyed',
]

export const STATE_LOOKS: Record<State, Look> = {
  requested: { tone: 'neutral', icon: 'i-lucide-hourglass' },
  preparing: { tone: 'info', icon: 'i-lucide-package-open' },
  starting: { tone: 'info', icon: 'i-lucide-loader-circle' },
  running: { tone: 'success', icon: 'i-lucide-circle-play' },
  stopping: { tone: 'info', icon: 'i-lucide-circle-pause' },
  stopped: { tone: 'neutral', icon: 'i-lucide-circle-stop' },
  failed: { tone: 'error', icon: 'i-lucide-circle-x' },
  moving: { tone: 'info', icon: 'i-lucide-truck' },
  lost: { tone: 'warning', icon: 'i-lucide-unplug' },
  destroyed: { tone: 'neutral', icon: 'i-lucide-trash' },
}

export const NODE_LOOKS: Record<NodeState, Look> = {
  online: { tone: 'success', icon: 'i-lucide-circle-check' },
  suspect: { tone: 'warning', icon: 'i-lucide-circle-question-mark' },
  offline: { tone: 'error', icon: 'i-lucide-circle-x' },
}

/** Colours of parts of a chart; text never has to be read against them. */
export const STATE_FILLS: Record<State, string> = {
  running: 'var(--color-green-500)',
  starting: 'var(--color-sky-500)',
  preparing: 'var(--color-sky-300)',
  requested: 'var(--color-slate-300)',
  stopping: 'var(--color-violet-400)',
  stopped: 'var(--color-slate-400)',
  moving: 'var(--color-teal-400)',
  lost: 'var(--color-amber-500)',
  failed: 'var(--color-red-500)',
  destroyed: 'var(--color-slate-500)',
}

export type Action = 'start' | 'stop' | 'restart' | 'kill' | 'destroy' | 'move' | 'upgrade'

const OFFERED: Record<Action, State[]> = {
  start: ['stopped', 'failed'],
  stop: ['requested', 'preparing', 'starting', 'running', 'lost'],
  restart: ['running', 'starting'],
  kill: ['preparing', 'starting', 'running', 'stopping', 'moving', 'lost'],
  destroy: ['requested', 'preparing', 'starting', 'running', 'stopping', 'stopped', 'moving', 'failed', 'lost'],
  move: ['starting', 'running', 'stopped', 'failed'],
  upgrade: ['requested', 'starting', 'running', 'stopped', 'failed'],
}

/** Whether an action makes sense for an instance as it is; the Brain decides anyway. */
export function offers(action: Action, instance: { state: State, wanted: string }): boolean {
  return instance.wanted !== 'destroyed' && OFFERED[action].includes(instance.state)
}

export const ACTIONS: { name: Action, icon: string }[] = [
  { name: 'start', icon: 'i-lucide-play' },
  { name: 'stop', icon: 'i-lucide-square' },
  { name: 'restart', icon: 'i-lucide-rotate-cw' },
  { name: 'upgrade', icon: 'i-lucide-circle-arrow-up' },
  { name: 'move', icon: 'i-lucide-truck' },
  { name: 'kill', icon: 'i-lucide-zap' },
  { name: 'destroy', icon: 'i-lucide-trash' },
]
