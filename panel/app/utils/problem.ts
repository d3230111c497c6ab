/** What the Brain says when it refuses or fails: RFC 9457 with a stable `code`, by which texts are translated. */
import type { Problem } from '~/api'

export interface FieldProblem {
  field: string
  message: string
  /** The rule that does not hold; empty where nobody says. */
  code: string
  params: Record<string, unknown>
}

export class ApiProblem extends Error {
  readonly code: string
  readonly status: number
  readonly remedy: string
  readonly params: Record<string, unknown>
  readonly errors: readonly FieldProblem[]
  readonly requestId: string

  constructor(problem: Partial<Problem> & { code: string }) {
    super(problem.detail ?? problem.title ?? problem.code)
    this.code = problem.code
    this.status = problem.status ?? 0
    this.remedy = problem.remedy ?? ''
    this.params = problem.params ?? {}
    this.errors = (problem.errors ?? []).map(({ field, message, code = '', params = {} }) => ({ field, message, code, params }))
    this.requestId = problem.request_id ?? ''
  }
}

/** Every failure as an `ApiProblem`: one of the Brain's, or `no_connection` where no answer came at all. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (isProblem(error)) return new ApiProblem(error)
  if (error instanceof TypeError || error instanceof DOMException) return new ApiProblem({ code: 'no_connection' })
  return new ApiProblem({ code: 'unexpected', detail: error instanceof Error ? error.message : String(error) })
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string'
}

type Values = Record<string, unknown>

/** The problem in which another one ended, told by parameters that begin with `last_`. */
export function nestedProblem(params: Values): { code: string, message: string, params: Values } | undefined {
  if (typeof params.last_code !== 'string') return undefined
  const inner = Object.entries(params).filter(([name]) => name.startsWith('last_') && name !== 'last_code')
  return { code: params.last_code, message: String(params.why ?? ''), params: Object.fromEntries(inner.map(([name, value]) => [name.slice(5), value])) }
}
