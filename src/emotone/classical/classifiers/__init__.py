"""Classifiers; `emotone.classical.base.CLASSIFIERS` finds them."""

MEMBERS = {
    "adaptive-svm": "svm.AdaptiveSvm",
    "gaussian-mixture": "gaussian.GaussianMixture",
    "linear-discriminant": "gaussian.LinearDiscriminant",
    "linear-svm": "svm.LinearSvm",
    "logistic-regression": "simple.LogisticRegression",
    "mlp": "simple.Mlp",
    "naive-bayes": "gaussian.NaiveBayes",
    "prior": "simple.Prior",
    "quadratic-discriminant": "gaussian.QuadraticDiscriminant",
    "rbf-svm": "svm.RbfSvm",
}
"""Classifiers that share a module."""
