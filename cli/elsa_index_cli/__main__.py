"""python -m elsa_index_cli"""

from .main import main

main()
