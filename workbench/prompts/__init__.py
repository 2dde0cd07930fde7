"""Prompt templates: from a dict of values to a text or to messages.

Templates are in ``templates``, prompts that are one text in ``string``, chat prompts in ``chat`` and their
parts in ``message_templates``, prompts with examples in ``few_shot`` and ``example_selectors``, what prompts
give in ``values``.
"""
