"""An appraisal in words for the shell, and as JSON for machines."""

import json
from dataclasses import asdict

from pricing import strings as phrases
from pricing.predictor import Answer


def as_json(answer: Answer, trained: dict | None = None) -> str:
    """The answer as a JSON object; pictures as paths."""
    told = asdict(answer)
    if trained is not None:
        told["trained"] = trained
    return json.dumps(told, indent=1, ensure_ascii=False, default=str)


def plain(answer: Answer) -> str:
    """The answer as lines of text."""
    if answer.refusal:
        return f"no price: {phrases.reason('en', answer.refusal)} (doubt {answer.doubt:.2f})"
    lines = [
        f"price       {answer.price_usd:.2f} USD, nine in ten between "
        f"{answer.low_usd:.2f} and {answer.high_usd:.2f}"
    ]
    lines += [f"doubt       {phrases.reason('en', code)}" for code in answer.doubts]
    lines += [
        f"{task:11} {label.value} ({label.confidence:.0%})" for task, label in answer.labels.items()
    ]
    if answer.read:
        lines.append("read        " + "; ".join(f"{k}: {v}" for k, v in answer.read.items()))
    if answer.inferred:
        guessed = (f"{k}: {v.value} ({v.confidence:.0%})" for k, v in answer.inferred.items())
        lines.append("inferred    " + "; ".join(guessed))
    if answer.moved:
        moves = (f"{name} {usd:+.2f}" for name, usd in answer.moved)
        lines.append("moved by    " + ", ".join(moves))
    lines += [
        f"comparable  {one.price_usd:7.2f} USD  {one.title} ({one.product_key}, alike "
        f"{one.similarity:.2f})" + (f"  {one.image}" if one.image else "")
        for one in answer.comparables
    ]
    return "\n".join(lines)


def trained(known: dict) -> str:
    """Which data the models learned from, and when."""
    return (
        f"learnt from {known['products']:,} products of '{known['data']}' on {known['created']} "
        f"(preset {known['preset']}); retail prices stand in for resale prices"
    )
