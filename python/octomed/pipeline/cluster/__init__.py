"""Work on several machines, over Ray: nothing here is loaded unless it is asked for."""
