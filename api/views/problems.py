"""/problems: where the types of problems lead to."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api.http import Problem
from api.openapi.errors import EXPLAINED, anchor

BY_ANCHOR = {anchor(problem): problem for problem in Problem}


def problem_page(request: HttpRequest, title: str, problems: list[Problem]) -> HttpResponse:
    explained = [(anchor(problem), problem, EXPLAINED[problem]) for problem in problems]
    answer = render(request, "api/problems.html", {"title": title, "explained": explained})
    answer["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    answer["Cache-Control"] = "public, max-age=300"
    return answer


@require_safe
def list_problems(request: HttpRequest) -> HttpResponse:
    """Every kind of problem, with what it means and what a client does then."""
    return problem_page(request, "Errors", [*Problem])


@require_safe
def show_problem(request: HttpRequest, slug: str) -> HttpResponse:
    """One kind of problem: what the path in `type` leads to."""
    problem = BY_ANCHOR.get(slug)
    if problem is None:
        raise Http404
    return problem_page(request, problem.title, [problem])
