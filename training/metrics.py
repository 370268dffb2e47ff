"""SQuAD-style answer scores.

Case, punctuation, articles and accents do not count. Accents, because the models' tokenizer drops them:
ragdex prints the passage's own characters, these scripts print word pieces.
"""
import collections
import re
import string
import unicodedata


def normal(s):
    s = "".join(c for c in unicodedata.normalize("NFD", s.lower()) if not unicodedata.combining(c))
    s = "".join(c if c not in string.punctuation else " " for c in s)
    s = re.sub(r"\b(a|an|the)\b", " ", s)
    return s.split()


def best_scores(pred, golds):
    """-> exact match and F1, each the best over the accepted answers"""
    p = normal(pred)
    em = f1 = 0.0
    for g in golds:
        t = normal(g)
        em = max(em, float(p == t))
        same = sum((collections.Counter(p) & collections.Counter(t)).values())
        if p and t and same:
            pr, rc = same / len(p), same / len(t)
            f1 = max(f1, 2 * pr * rc / (pr + rc))
        elif p == t:
            f1 = 1.0
    return em, f1
