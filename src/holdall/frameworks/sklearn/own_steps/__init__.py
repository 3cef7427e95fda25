"""Functions and transformers of the user's own inside a pipeline: run once on what records, and so written into the graph.

A step of its own says nothing of itself, so it is watched first: what the live pipeline gives it for some rows of the sample,
and what it answers. That tells the kind of its table and pandas' dtypes; that the graph then answers the same is proved with
the whole model, as ever.

    watching   which steps those are, and what they are given and answer
    following  their code on what records
    faces      what scikit-learn's helpers and fitted estimators are meanwhile
"""
