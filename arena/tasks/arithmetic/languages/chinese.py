"""Chinese, in simplified characters. Names stay in Latin letters; numbers have spaces round them, as is usual."""

from arena.tasks.arithmetic.wording import Noun, Wording

_THINGS = (
    ("个", "苹果"), ("本", "书"), ("张", "卡片"), ("枚", "硬币"), ("块", "饼干"), ("个", "鸡蛋"), ("支", "钢笔"),
    ("个", "贝壳"), ("张", "邮票"), ("个", "玩具"), ("颗", "弹珠"), ("张", "贴纸"),
)  # fmt: skip

WORDING = Wording(
    language="zh",
    pronouns=("她", "他"),
    things=tuple(Noun(each + bare, bare=bare) for each, bare in _THINGS),
    each=tuple(each for each, _ in _THINGS),
    opening="{name} 有 {n} {things}。",
    told={
        "gain": ("{She}又买了 {n} {each}。", "{She}又找到 {n} {each}。", "{She}又得到 {n} {each}。"),
        "lose": ("{She}给了 {other} {n} {each}。", "{She}丢了 {n} {each}。", "{She}卖了 {n} {each}。"),
        "double": ("然后{she}的数量变成原来的两倍。",),
        "triple": ("然后{she}的数量变成原来的三倍。",),
        "compare-more": ("{other} 比 {name} 多 {n} {each}。",),
        "compare-fewer": ("{other} 比 {name} 少 {n} {each}。",),
        "split": ("{She}把它们平均装进 {n} 个袋子。",),
        "price": ("每{each} {n} 美元。",),
    },
    asked={
        "now": "{name} 现在有多少{things}？",
        "compare-more": "{other} 有多少{things}？",
        "compare-fewer": "{other} 有多少{things}？",
        "split": "每个袋子里有多少{things}？",
        "price": "这些{bare_things}一共多少美元？",
    },
    leads={
        "now": ("然后{she}有", "现在{she}有", "所以{she}有", "之后{she}有"),
        "compare-more": ("所以 {other} 有",),
        "compare-fewer": ("所以 {other} 有",),
        "split": ("所以每个袋子有",),
        "price": ("所以一共",),
    },
    money="美元",
    stop="。",
    between="",
)
