"""Rows of cells -> Markdown, in English or Korean, under a line that says where they come from."""

from reports.tables import KIND_OF, TABLES, Kept

KOREAN = {
    "brings": "주어진 것",
    "what": "대상",
    "listings": "건수",
    "priced": "가격 제시",
    "with a doubt": "의심과 함께 제시",
    "refused": "거절",
    "experiment": "실험",
    "features": "특성",
    "model": "모델",
    "split": "분할",
    "text": "텍스트",
    "method": "방법",
    "median error": "중앙값 오차",
    "fit (s)": "학습 (초)",
    "coverage": "포함률",
    "least of ten price deciles": "가격 10분위 중 최저",
    "median width (USD)": "폭 중앙값 (USD)",
    "grouping": "구분",
    "group": "집단",
    "mean error (USD)": "평균 오차 (USD)",
    "inside the range": "범위 포함률",
    "reads": "임베딩을 읽는 방식",
    "trials": "시도",
    "shift": "달라지는 것",
    "unit": "단위",
    "between": "둘 사이",
    "recipe": "방법",
    "trial": "시도 번호",
    "log loss": "로그 손실",
    "settings": "설정",
    "trees": "나무 수",
    "R² validation": "R² 검증",
    "MAE validation (USD)": "MAE 검증 (USD)",
    "own price in text": "글에 자기 가격",
    "of Fashion": "Fashion 중",
    "another amount in text": "글에 다른 금액",
    "products on two sides": "양쪽에 걸친 상품",
    "whole texts on two sides": "양쪽에 걸친 글",
    "test photos with a near twin": "쌍둥이가 있는 테스트 사진",
    "test texts with a near twin": "쌍둥이가 있는 테스트 글",
    "with both": "둘 다",
    "statistic": "통계량",
    "ends in .99 EUR": ".99유로로 끝남",
    "colours agree": "색끼리 같은 가격",
    "median (USD)": "중앙값 (USD)",
    "median error H&M": "중앙값 오차 H&M",
    "given": "주어진 것",
    "learning_products": "학습 상품 수",
    "mean effect": "평균 효과",
    "raises the price most": "가격을 가장 올림",
    "lowers it most": "가장 내림",
    "accuracy": "정확도",
    "macro F1": "매크로 F1",
    "precision": "정밀도",
    "recall": "재현율",
    "class": "클래스",
    "cluster": "군집",
    "name": "이름",
    "of the commonest category": "최빈 카테고리 비율",
    "task": "과제",
    "products": "상품",
    "among": "후보 수",
    "text to picture @1": "글→사진 @1",
    "picture to text @1": "사진→글 @1",
    "sub-category P@1": "하위 카테고리 P@1",
    "zero-shot category": "제로샷 카테고리",
    "labelled at 99 %": "99 % 자동 라벨",
    "accuracy of these": "그 정확도",
    "in its own space": "자기 공간의 실루엣",
    "entropy": "엔트로피",
    "silhouette": "실루엣",
    "smallest cluster": "최소 군집 크기",
    "seconds": "초",
    "stage": "단계",
    "attribute": "속성",
    "reader": "추출 방식",
    "correct": "정답",
    "wrong": "오답",
    "invented": "지어냄",
    "missed": "누락",
    "rightly empty": "맞게 빔",
    "unlisted": "목록 밖",
    "agreement": "목록 일치",
    "listed": "목록에 있음",
    "listed or read": "목록 또는 추출",
    "ask": "묻는 것",
    "descriptions": "설명 수",
    "asked": "물은 수",
    "tokens asked": "질문 토큰",
    "of these shared": "그중 공유",
    "tokens answered": "답 토큰",
    "read per second": "초당 읽기",
    "written per second": "초당 쓰기",
    "hours, one GPU": "시간, GPU 하나",
    "hours, eight machines": "시간, 기계 여덟 대",
    "values": "값 종류",
    "majority": "최빈값",
    "calibration error": "보정 오차",
    "by rules": "규칙",
    "by llm": "LLM",
    "by nobody": "없음",
    "peak memory (MB)": "최대 메모리 (MB)",
    "figure": "지표",
    "published": "연구 발표치",
    "here": "이 저장소",
    "here, by the study's criterion": "이 저장소, 연구의 판정 기준",
    "baseline here": "기준선",
    "source": "출처",
    "table": "표",
    "outcome": "결과",
    "detail": "내역",
    "rows": "행",
    "data": "데이터",
    "preset": "프리셋",
    "training rows": "학습 행",
    "test rows": "테스트 행",
    "seeds": "시드",
    "limit": "제한",
    "hardware": "하드웨어",
}
SYNTHETIC = {
    "en": " Drawn, synthetic products: a check of the pipeline, no claim about real prices.",
    "ko": " 그려서 만든 합성 상품이므로 파이프라인 점검용이며 실제 가격에 대한 주장이 아닙니다.",
}


def markdown(kept: Kept, name: str, language: str = "en") -> str:
    """One table with the line above it that says what it was computed from."""
    try:
        rows = TABLES[name](kept)
    except KeyError:  # a table that is not there
        return {"en": "*Not run yet.*\n", "ko": "*아직 실행하지 않음.*\n"}[language]
    if language == "ko":
        rows[0] = [KOREAN.get(title, title) for title in rows[0]]
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return _caption(kept, name, language) + "\n\n" + "\n".join(lines) + "\n"


def _caption(kept: Kept, name: str, language: str) -> str:
    """What the table was computed from: data, rows, preset, seeds, hardware."""
    kind = KIND_OF.get(name, name)
    wanted = kept.stages.get(kind) or [key for key in kept.manifests if key.endswith(".csv")]
    made = [kept.manifests[key] for key in wanted if key in kept.manifests]
    frame = kept.tables.get(kind, {})
    facts = {
        "data": [kept.name],
        "preset": [one["preset"] for one in made],
        "training rows": _span(frame, "n_train"),
        "test rows": _span(frame, "n_test"),
        "split": frame.get("split", []),
        "text": frame.get("text", []),
        "seeds": sorted(set(frame["seed"])) if "seed" in frame else [],
        "limit": [one["limit"] for one in made if one.get("limit")],
        "hardware": [one["hardware"] for one in made],
    }
    said = "; ".join(
        f"{KOREAN[key] if language == 'ko' else key}: {', '.join(dict.fromkeys(map(str, values)))}"
        for key, values in facts.items()
        if len(values)
    )
    return f"{said}.{SYNTHETIC[language] if kept.name == 'sample' else ''}"


def _span(frame, column: str) -> list[str]:
    """Least and most of a column; models and experiments may use different rows."""
    if column not in frame:
        return []
    least, most = min(frame[column]), max(frame[column])
    return [f"{most:,}" if least == most else f"{least:,} to {most:,}"]
