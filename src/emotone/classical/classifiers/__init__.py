"""Classifiers; `emotone.classical.base.CLASSIFIERS` finds them."""

MEMBERS = {
    "adaptive-svm": "svm.AdaptiveSvm",
    "gaussian-mixture": "gaussian.GaussianMixture",
    "linear-discriminant": "gaussian.LinearDiscriminant",
    "linear-svm": "svm.LinearSvm",
    "naive-bayes": "gaussian.NaiveBayes",
    "quadratic-discriminant": "gaussian.QuadraticDiscriminant",
    "rbf-svm": "svm.RbfSvm",
}
"""Classifiers that share a module."""
