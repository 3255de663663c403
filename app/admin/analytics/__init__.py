"""Staff's money: recurring revenue and its movements, cohorts, who is past due. Pages, files and API of one report."""
