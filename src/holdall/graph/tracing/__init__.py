"""The tracing frame: a function over a data frame is run once on a frame that records what is done as graph operators.

The frame and its columns answer to pandas' own names; the function's real control flow over constants runs as ever. What
would need a value (a branch on data, a statistic of the table, the clock) stops the trace with the line that asked for it.

    untraceable  why a trace ends, with the line of the user's code
    vector       one column: its values in the graph, and what pandas made of a few rows of the sample
    arithmetic   two columns, or a column and a constant
    unary        one column: numbers' own functions
    text         strings: what the graph can do of them
    times        moments and spans
    casting, lookup  other dtypes; values looked up
    series, accessors, frame   pandas' faces over these
    modules      what `pandas` and `numpy` are while a function is traced
    rebinding    the user's functions, with those modules under the names that they use
    scalar       one value of a row, for functions that are applied to values or rows: each branch is followed
    tracing      the function run, and the graph made
"""
