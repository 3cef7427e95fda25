"""Contract suites that ship: inherit one to prove a framework, engine, store or check of your own."""
