"""Prints the coefficients of `gelu` and `coarse_gelu` in `math.rs`: python gelu_coefficients.py (needs numpy).

The function (Φ(x) - 1/2) / x is even and smooth: for |x| <= 5.4 a polynomial in x² by Chebyshev's
nodes, weighted so that the error of x · Φ(x) is the same everywhere (Lawson's iteration). The coarse
one is a polynomial in x² for |x| <= 3.9, where it makes Φ exactly 1.
"""

from math import erf, sqrt

import numpy as np
from numpy.polynomial import chebyshev

LARGEST, DEGREE, N_NODES = 5.4, 14, 4000

nodes = np.cos(np.pi * (np.arange(N_NODES) + 0.5) / N_NODES)
x = LARGEST * np.sqrt((nodes + 1) / 2)
values = np.array([0.5 * erf(number / sqrt(2)) / number for number in x])
importance = x * np.maximum(x, 1)
basis = chebyshev.chebvander(nodes, DEGREE)
emphasis = np.ones(N_NODES)
for _ in range(60):
    weights = np.sqrt(emphasis) * importance
    series = np.linalg.lstsq(basis * weights[:, None], values * weights, rcond=None)[0]
    errors = np.abs((basis @ series - values) * importance)
    emphasis *= errors / errors.max() + 1e-6
    emphasis /= emphasis.max()
print(f"// largest error of x · Φ(x): {errors.max():.1e}")
for coefficient in chebyshev.cheb2poly(series)[::-1]:
    print(f"    {coefficient:.9e},")

LARGEST, TERMS = 3.9, 7

x = np.linspace(LARGEST / N_NODES, LARGEST, N_NODES)
values = np.array([0.5 * x * erf(x / sqrt(2)) for x in x]) - x * x * 0.5 / LARGEST
basis = (x * x * (LARGEST**2 - x * x))[:, None] * np.vander((x / LARGEST) ** 2, TERMS - 1, increasing=True)
emphasis = np.ones(N_NODES)
for _ in range(400):
    weights = np.sqrt(emphasis)
    series = np.linalg.lstsq(basis * weights[:, None], values * weights, rcond=None)[0]
    errors = np.abs(basis @ series - values)
    emphasis *= errors / errors.max() + 1e-6
    emphasis /= emphasis.max()
series /= LARGEST ** (2 * np.arange(TERMS - 1))
coefficients = LARGEST**2 * np.append(series, 0) - np.append(0, series)
coefficients[0] += 0.5 / LARGEST
print(f"// largest error of the coarse x · Φ(x): {errors.max():.1e}")
for coefficient in coefficients[::-1]:
    print(f"    {coefficient:.9e},")
