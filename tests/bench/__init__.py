"""What a step and a token cost, beside langchain-core in the same run. ``python -m tests.bench --help``"""
